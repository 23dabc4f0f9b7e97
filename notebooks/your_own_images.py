# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Your own images, from a folder to a classifier
#
# All you need is a folder with a folder for each class: `animals/cat/*.jpg`, `animals/dog/*.jpg`. Write its path below.
# Without one, the next cell makes such a folder of handwritten digits, so that everything here runs as it is.

# %%
from pathlib import Path

from IPython.display import Markdown
from PIL import Image
from sklearn.datasets import load_digits

import convladder as cl

# %% tags=["parameters"]
FOLDER = ""  # such as "path/to/animals"
SEEDS = 3
EPOCHS = 15

# %%
if not FOLDER:
    FOLDER = "digits-as-files"
    digits = load_digits()
    for number, label in enumerate(digits.target):
        path = Path(FOLDER, f"digit {label}", f"{number:04}.png")
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray((15 * digits.images[number]).astype("uint8")).save(path)

# %% [markdown]
# ## Look
#
# Files that are not images are listed with the reason. The split into training, validation and test is made here, once.

# %%
images = cl.load(FOLDER)
images

# %%
images.plot_images(each=8);

# %% [markdown]
# ## Climb
#
# A few rungs, each with several seeds: which technique earns its place on *these* images?

# %%
climb = cl.climb(
    images,
    rungs=["lenet5", "max-pooling", "same-padding", "batch-norm"],
    seeds=SEEDS,
    epochs=EPOCHS,
)
climb

# %%
climb.plot_ladder();

# %% [markdown]
# ## Judge
#
# The best rung, and its best seed, are chosen on validation; the test images had no part in that. Where does it err, can you
# trust its confidence, and what does it look at?

# %%
run = climb.best_run
run.class_accuracies().round(3)

# %%
run.plot_heat();

# %%
run.suspected_labels().head()

# %% [markdown]
# ## Ship
#
# The run's folder is the classifier: its weights, every setting, its figures, and a model card that waits for your words. It predicts
# any image file, and says *unsure* if its confidence is below the threshold that gives the accuracy you want (if validation shows none, it is unsure
# of all, and warns). Here are some of the test images.

# %%
tested = run.predictions.query("split == 'test'")["path"]
run.predict(
    [Path(FOLDER, path) for path in tested[:: max(1, len(tested) // 10)]], accuracy=0.95
).round(3)

# %%
Markdown("\n".join((run.folder / "card.md").read_text().splitlines()[:14]))

# %%
print("the report, with everything above and more:", climb.report())
print("the classifier:", run.folder)
