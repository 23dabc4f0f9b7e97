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
# # CNN image classification, one technique at a time
#
# We climb from LeNet-5, a network of 1998, through the techniques that textbooks add to it: max pooling, same padding,
# more convolutional layers, smaller kernels, batch normalisation, dropout and data augmentation.
#
# One training run cannot say what a technique brings: the same network trained twice gives different accuracies, often further
# apart than two techniques are. So each variant (a *rung*) is trained with several seeds, and each step is read from the
# **interval** of the difference, not from the wish. *Undecided* is a result.
#
# Whatever the text below says of results is computed from the results: it stays true on other images.

# %% [markdown]
# ## 1. Import libraries

# %%
from IPython.display import Markdown, display

import convladder as cl

# %% [markdown]
# The one cell to change: which images, how many seeds, how long.
#
# - `"digits"`: 1,797 handwritten digits, in the package, a few minutes.
# - `"cifar10"`: 60,000 small photographs, downloaded once, about two hours on four cores (less with a `LIMIT`).
# - `"path/to/images"`: your own folder with a folder for each class.

# %% tags=["parameters"]
DATA = "digits"
LIMIT = None  # such as 5000: a first try on so many images
SEEDS = 5
EPOCHS = 20
FOLDER = "climbs/notebook"  # what is finished there is not trained again

# %% [markdown]
# ## 2. Data extraction
#
# Every image is decoded once, brought to one size, and split before anything else: 15 % validation, on which epochs and rungs
# are chosen, and 15 % test, which is opened once, at the end of each training.

# %%
images = cl.load(DATA, limit=LIMIT)
images

# %% [markdown]
# Some training images of each class. Labels that look wrong here are wrong everywhere after.

# %%
images.plot_images(each=6);

# %% [markdown]
# **Normalisation** is part of the network, so that training and use cannot disagree: it takes pixels from 0 to 255 and divides them by 255.

# %%
pixels = images.images("train")
print(
    f"{pixels.shape} {pixels.dtype}, from {pixels.min()} to {pixels.max()}, mean {pixels.mean():.1f}"
)

# %% [markdown]
# **Data augmentation**, which section 10 tries, shows the network each training image a little changed in every epoch. At the left
# each image as it is. Look whether the class would survive these changes.

# %%
augmentation = cl.load_ladder("classic").experiment("augmentation").augmentation
images.plot_augmentation(augmentation);

# %% [markdown]
# ## 3. CNN architecture: LeNet-5
#
# Two convolutions of 5x5 with 6 and 16 filters, each followed by ReLU and *average* pooling, then dense layers of 120 and 84.
# This is the start that every step is measured against. We expect that its seeds differ: the dots in the chart are seeds,
# the band is the 95 % interval of their mean over other seeds and other test images.

# %%
RUNGS = ["lenet5"]


def step(*rungs):
    """Add rungs to the climb and train what is missing."""
    RUNGS.extend(rungs)
    return cl.climb(images, rungs=RUNGS, seeds=SEEDS, epochs=EPOCHS, out=FOLDER)


climb = step()
climb.plot_history("lenet5");

# %%
start = climb.standings["lenet5"]
accuracies = ", ".join(f"{100 * accuracy:.1f}" for accuracy in start.seed_values)
Markdown(
    f"Test accuracy of each seed, %: {accuracies}. Mean **{100 * start.estimate.mean:.1f} %** "
    f"(95 % interval {100 * start.estimate.low:.1f} to {100 * start.estimate.high:.1f})."
)

# %% [markdown]
# ## 4. Max pooling
#
# Keep the largest of four neighbours instead of their mean. *We expect* a gain where it matters that a feature is there at all, and at no cost.

# %%
climb = step("max-pooling")
Markdown(climb.reading("max-pooling"))

# %% [markdown]
# ## 5. Same padding
#
# Let convolutions see past the border, so that their output is as large as their input. *We expect* a gain where something lies at the border, and
# pay with a larger dense layer.

# %%
climb = step("same-padding")
Markdown(climb.reading("same-padding"))

# %% [markdown]
# ## 6. More convolutional layers
#
# A third convolution, and filters that double: 32, 64, 128. *We expect* the largest gain of the climb, at the highest cost.

# %%
climb = step("more-conv-layers")
Markdown(climb.reading("more-conv-layers"))

# %% [markdown]
# ## 7. Kernel size reduction
#
# 3x3 kernels instead of 5x5. *We expect* about the same accuracy for about a third of the operations.

# %%
climb = step("smaller-kernels")
Markdown(climb.reading("smaller-kernels"))

# %% [markdown]
# The gap between training and validation in the last step shows whether there is something to regularise. If the training curve
# keeps rising while validation stays flat, the network memorises its training images.

# %%
climb.plot_history("smaller-kernels", "loss");

# %% [markdown]
# ## 8. Regularisation
#
# ### Batch normalisation
#
# Normalise each filter's output over the batch. *We expect* faster training, and some gain.

# %%
climb = step("batch-norm")
Markdown(climb.reading("batch-norm"))

# %% [markdown]
# ### Dropout in the dense layers
#
# Switch off 20 % and 10 % of their values at random while training. *We expect* less overfitting where the parameters are.

# %%
climb = step("dropout-dense")
Markdown(climb.reading("dropout-dense"))

# %% [markdown]
# ### Dropout in the convolutional layers
#
# The same after the first two poolings. *We expect* a further gain if there is still overfitting to take away.

# %%
climb = step("dropout-conv")
Markdown(climb.reading("dropout-conv"))

# %% [markdown]
# ## 9. Summary
#
# The architecture that we have arrived at, and its parameters:

# %%
final = climb.runs(RUNGS[-1])[0]
architecture = final.architecture()
display(architecture)
Markdown(f"{architecture['parameters'].sum():,} parameters in all.")

# %% [markdown]
# And the climb. Which step earned its place? The p-values are corrected for the number of questions asked, so a verdict of an earlier
# section may have become more cautious here: asking more questions costs certainty.

# %%
climb.plot_ladder();

# %%
climb

# %% [markdown]
# ## 10. Data augmentation
#
# The changes shown in section 2, drawn anew for each image in every epoch. *We expect* a gain where the changes are ones that new images show, and none, or a loss, with few epochs.

# %%
climb = step("augmentation")
Markdown(climb.reading("augmentation"))

# %%
climb.plot_history("augmentation");

# %% [markdown]
# # Results
#
# The whole climb:

# %%
Markdown(climb.headline())

# %%
climb.plot_ladder();

# %% [markdown]
# The run below is of the rung that stands best *on validation*, and of its seeds the best on validation. The test images had no part in the choice, and so they may judge it.

# %%
best = climb.best_run
best

# %% [markdown]
# ### Accuracy and loss

# %%
best.plot_history("accuracy");

# %%
best.plot_history("loss");

# %% [markdown]
# ### Confusion matrix

# %%
best.plot_confusion();

# %% [markdown]
# ### Classification report

# %%
best.classification_report().round(3)

# %% [markdown]
# ### Sample predictions
#
# Correct predictions are in blue, wrong ones in orange, with the actual class in brackets.

# %%
best.plot_samples();

# %% [markdown]
# ### Where it looked
#
# Bright parts show where the network found evidence for its prediction (Grad-CAM). Evidence beside the object would be a
# reason to look again at the data.

# %%
best.plot_heat();

# %% [markdown]
# ### How it copes with degraded images
#
# Accuracy on test images with noise, blur and so on, at five severities; its parent's in grey, dashed. A technique may earn its place here
# and nowhere else.

# %%
climb.plot_robustness(best.rung);

# %% [markdown]
# # Where to go on
#
# Everything above, and the provenance of it all, is in one page to keep or to send:

# %%
print(climb.report())

# %% [markdown]
# - **Your own images**: set `DATA` above to a folder with a folder for each class, and run all cells; or take the shorter way of
#   `your_own_images.ipynb`.
# - **More certainty**: more `SEEDS`; what is trained already is kept.
# - **Your own question**: any setting can be a rung. `convladder ladder classic --toml > mine.toml`, edit, and
#   `cl.climb(images, "mine.toml")`.
# - **Other settings**: `cl.climb(images, changes={"train.learning_rate": 3e-4})`.
