"""Train with a plain PyTorch loop over tensors in memory, as its tutorial does, with the batches cut by hand.

A DataLoader that collates images one by one is several times as slow: whoever has them in memory leaves it out.
"""

from __future__ import annotations

import time

import torch
from sklearn.model_selection import train_test_split
from told import arguments, load_arrays, tell
from torch import nn

asked = arguments(__doc__)
torch.manual_seed(asked.seed)


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


x_train, y_train, x_test, y_test = load_arrays(asked.folder)
x_train, _, y_train, _ = train_test_split(
    x_train, y_train, test_size=asked.validation, random_state=0, stratify=y_train
)
images, labels = torch.tensor(x_train).permute(0, 3, 1, 2).contiguous(), torch.tensor(y_train).long()
tested, truth = torch.tensor(x_test).permute(0, 3, 1, 2).contiguous(), torch.tensor(y_test).long()

model = {"lenet5": lenet5, "batch-norm": batch_norm}[asked.network](int(labels.max()) + 1)
model(images[:1] / 255)  # the lazy layer learns its size
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, eps=1e-7)
loss_of = nn.CrossEntropyLoss()
seconds = []
for _ in range(asked.epochs):
    began = time.perf_counter()
    order = torch.randperm(len(images))
    for batch in order.split(32):
        optimizer.zero_grad()
        loss = loss_of(model(images[batch].float() / 255), labels[batch])
        loss.backward()
        optimizer.step()
    seconds.append(time.perf_counter() - began)

model.eval()
with torch.no_grad():
    hits = sum(
        int((model(batch.float() / 255).argmax(1) == right).sum())
        for batch, right in zip(tested.split(256), truth.split(256), strict=True)
    )
weights = [
    each for each in model.state_dict().values() if each.is_floating_point()
]  # moving means among them, as Keras counts
tell(len(images), sum(each.numel() for each in weights), seconds, hits / len(truth))
