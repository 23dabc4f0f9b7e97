# Serves a bundle; ONNX Runtime and no TensorFlow.
#   docker build -t convladder .
#   docker run -p 127.0.0.1:8000:8000 -v "$PWD/cats.convladder:/bundle.convladder:ro" convladder
# The lines after FROM are what tests/system/install/test_runtime.py runs in an environment of its own.
FROM python:3.12-slim
WORKDIR /app
COPY pyproject.toml README.md LICENSE ./
COPY src src
RUN pip install --no-cache-dir --no-deps . \
 && pip install --no-cache-dir onnxruntime onnx numpy pillow pydantic typer fastapi uvicorn python-multipart prometheus-client markdown-it-py
RUN useradd --create-home --uid 10001 convladder
USER convladder
WORKDIR /home/convladder
# else ONNX Runtime reports to its maker; convladder sets it too, this is for whatever else runs here
ENV ORT_DISABLE_TELEMETRY=1
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/readyz', timeout=4)"]
# --allow-host NAME for each name by which a proxy passes requests on; --token-file FILE where others reach it
ENTRYPOINT ["convladder", "serve", "/bundle.convladder", "--host", "0.0.0.0"]
