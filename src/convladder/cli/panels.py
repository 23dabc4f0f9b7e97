"""Which options stand together in `--help`, by what they are about: the same for all commands."""

from __future__ import annotations

FIRST = "Options"  # what a beginner needs
# options by the names of their parameters, in the order in which help lists them
PANELS = {
    FIRST: (
        "kind rungs rung trials seconds epochs limit toml pretrained data page top int8 bound "
        "accuracy host port corrections samples no_samples clear out"
    ),
    "Data": (
        "image_size channels classes class_level label_pattern group_pattern min_images copies "
        "on_leak follow_links allow_rejects path_column label_column split_column group_column "
        "image_root"
    ),
    "Search": "space print_space",
    "Training": "ladder weights class_weight changes seed",
    "Statistics": "seeds metric margin folds spread coverage as_seen",
    "Access": "allow_host allow_origin token_file",
    "Where and how it runs": (
        "jobs threads cluster devices processes process_id coordinator fresh allow_changed"
    ),
    "Output": "open_page as_csv as_json quiet log tensorboard mlflow",
}
GROUPS = ("Start", "Understand", "Improve", "Use", "Keep")  # of commands
_PLACES = {
    name: (panel, place)
    for panel, names in PANELS.items()
    for place, name in enumerate(names.split())
}


def panel_of(parameter: str) -> str:
    """Return the panel of an option, by the name of its parameter."""
    return _PLACES.get(parameter, (FIRST, 0))[0]


def order(parameter: str) -> int:
    """Return where in its panel an option stands; those of all commands stand last."""
    return _PLACES.get(parameter, (FIRST, len(_PLACES)))[1]
