"""Python imports this in each process that has this folder on PYTHONPATH, in workers too."""

import os
import sys
from importlib.machinery import PathFinder
from importlib.util import module_from_spec
from pathlib import Path

import recorded_hosts

if recorded_hosts.VARIABLE in os.environ:
    recorded_hosts.start(Path(os.environ[recorded_hosts.VARIABLE]))

# the one that Python would have imported without this
here = Path(__file__).resolve().parent
folders = [folder for folder in sys.path if Path(folder).resolve() != here]
hidden = PathFinder.find_spec("sitecustomize", folders)
if hidden and hidden.loader:
    hidden.loader.exec_module(module_from_spec(hidden))
