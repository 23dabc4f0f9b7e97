"""FastAPI with a .keras file and `model.predict`, as tutorials have it: an upload, Pillow, a batch
of one.

python keras_server.py MODEL PORT
"""

from __future__ import annotations

import io
import sys

import keras
import numpy as np
import uvicorn
from fastapi import FastAPI, File
from PIL import Image

model = keras.saving.load_model(sys.argv[1])
height, width, channels = model.input.shape[1:]
app = FastAPI()


@app.get("/readyz")
def ready() -> str:
    return "ready"


@app.post("/v1/predict")
def predict(file: bytes = File()) -> dict[str, float | int]:
    image = (
        Image.open(io.BytesIO(file))
        .convert("RGB" if channels == 3 else "L")
        .resize((width, height))
    )
    pixels = np.asarray(image, dtype=np.float32).reshape(1, height, width, channels)
    probabilities = model.predict(pixels, verbose=0)[0]
    return {"class": int(probabilities.argmax()), "probability": float(probabilities.max())}


if __name__ == "__main__":
    uvicorn.run(app, port=int(sys.argv[2]), log_level="error")
