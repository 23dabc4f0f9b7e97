"""Train with a plain PyTorch loop over tensors in memory, as its tutorial does, with the batches
cut by hand.

A DataLoader that collates images one by one is several times as slow: whoever has them in memory
leaves it out. Where there is a GPU, all of them are on it.
"""

from __future__ import annotations

import time

import numpy as np
import torch
from sklearn.model_selection import train_test_split
from told import Trained, arguments, load_arrays, train_with_seeds
from torch import nn

asked = arguments(__doc__)
device = "cuda" if torch.cuda.is_available() else "cpu"


def lenet5(classes: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(3, 6, 5),
        nn.ReLU(),
        nn.AvgPool2d(2),
        nn.Conv2d(6, 16, 5),
        nn.ReLU(),
        nn.AvgPool2d(2),
        nn.Flatten(),
        nn.LazyLinear(120),
        nn.ReLU(),
        nn.Linear(120, 84),
        nn.ReLU(),
        nn.Linear(84, classes),
    )


def batch_norm(classes: int) -> nn.Sequential:
    blocks: list[nn.Module] = []
    for before, filters in ((3, 128), (128, 64), (64, 32)):
        normalise = nn.BatchNorm2d(filters, eps=1e-3, momentum=0.01)  # Keras's own
        blocks += [nn.Conv2d(before, filters, 3), normalise, nn.ReLU(), nn.MaxPool2d(2)]
    dense = [nn.LazyLinear(120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, classes)]
    return nn.Sequential(*blocks, nn.Flatten(), *dense)


x, y, x_test, y_test = load_arrays(asked.folder)
x_train, x_val, y_train, y_val = train_test_split(
    x, y, test_size=asked.validation, random_state=0, stratify=y
)


def tensors(pixels: np.ndarray, labels: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
    images = torch.tensor(pixels).permute(0, 3, 1, 2).contiguous()
    return images.to(device), torch.tensor(labels).long().to(device)


train_set, validation_set, test_set = (
    tensors(x_train, y_train),
    tensors(x_val, y_val),
    tensors(x_test, y_test),
)


@torch.no_grad()
def evaluate(model: nn.Module, images: torch.Tensor, labels: torch.Tensor) -> float:
    model.eval()
    parts = zip(images.split(256), labels.split(256), strict=True)
    hits = sum(int((model(batch.float() / 255).argmax(1) == right).sum()) for batch, right in parts)
    model.train()
    return hits / len(labels)


def train(seed: int) -> Trained:
    torch.manual_seed(seed)
    images, labels = train_set
    model = {"lenet5": lenet5, "batch-norm": batch_norm}[asked.network](int(labels.max()) + 1).to(
        device
    )
    model(images[:1] / 255)  # the lazy layer learns its size
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, eps=1e-7)
    loss_of = nn.CrossEntropyLoss()
    seconds = []
    for _ in range(asked.epochs):
        began = time.perf_counter()
        for batch in torch.randperm(len(images), device=device).split(asked.batch):
            optimizer.zero_grad()
            loss = loss_of(model(images[batch].float() / 255), labels[batch])
            loss.backward()
            optimizer.step()
        loss.item()  # a GPU is done with all of them
        seconds.append(time.perf_counter() - began)
        evaluate(model, *validation_set)
    kept = [
        each for each in model.state_dict().values() if each.is_floating_point()
    ]  # moving means too
    return Trained(
        len(images), sum(each.numel() for each in kept), seconds, evaluate(model, *test_set)
    )


train_with_seeds(train, asked)
