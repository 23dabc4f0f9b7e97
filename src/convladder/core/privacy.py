"""Nothing is sent: the libraries under convladder that report to their makers are told not to.

`convladder/__init__.py` calls `silence`, so whatever imports any part of convladder passes here
first: a command, a script, a notebook, a server, a worker process, and a process on a node of a
cluster. Processes that these start inherit the environment.

The values are set whatever the environment says already. The promise is that nothing is sent. It
would not hold where a variable is set but empty, which libraries read as "not set", or where the
image of a container says otherwise.
"""

from __future__ import annotations

import os
import sys
from collections.abc import MutableMapping
from typing import Any

# docs/privacy.md says what each library does without it
SILENT = {
    "ORT_DISABLE_TELEMETRY": "1",  # ONNX Runtime, from 1.29 on
    "HF_HUB_DISABLE_TELEMETRY": "1",  # huggingface_hub, and hf_xet in it
    "HF_XET_TELEMETRY_ENABLED": "0",  # hf_xet, from 1.7 on
    "HF_UPDATE_DOWNLOAD_COUNTS": "0",  # datasets: it tells of local folders too
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_USAGE_STATS_REPORT_URL": "http://127.0.0.1:9",  # that it may not, a head says all the same
    "ENABLE_RUNTIME_UPTIME_TELEMETRY": "0",  # JAX's runtime on a TPU in Google's cloud
    "DO_NOT_TRACK": "1",  # what a later version of any of them may heed
}

# libraries that read the environment once, when they are imported, which a script may have done
# before
_READ_ON_IMPORT = (
    ("huggingface_hub.constants", "HF_HUB_DISABLE_TELEMETRY", True),
    ("datasets.config", "HF_UPDATE_DOWNLOAD_COUNTS", False),
)


# docs/decisions/083-nothing-is-sent-whatever-the-environment-says.md
def silence(environment: MutableMapping[str, str] = os.environ) -> None:
    """Tell every library that reports to its maker not to, also one that is imported already."""
    environment.update(SILENT)
    for module, name, value in _READ_ON_IMPORT:
        if module in sys.modules:
            setattr(sys.modules[module], name, value)
    if "onnxruntime" in sys.modules:
        silence_onnxruntime(sys.modules["onnxruntime"])


def silence_onnxruntime(onnxruntime: Any) -> None:
    """Stop the events of ONNX Runtime where the environment could not.

    That is where it was imported before, and on Windows before 1.32, which reads no environment
    there. An event about the process may be under way already.
    """
    # none where it is just being imported
    disable = getattr(onnxruntime, "disable_telemetry_events", None)
    if disable is not None:
        disable()
