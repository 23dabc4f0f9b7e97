"""What Python offers: verbs such as `train` and `climb`, and what they return."""

from convladder.evaluation.frames import keep_any_text

keep_any_text()
