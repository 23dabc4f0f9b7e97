"""The tables of what was measured, each from its file of results; those of speed are in
_harness/results.py.
"""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from _harness import results
from convladder.core.formatting import plural

NETWORKS = {"best": "**the best of an hour**", "notebook": "the notebook's last network"}


def read(folder: Path, name: str) -> Any:
    return json.loads((folder / f"{name}.json").read_text())


def _verdict(claim: dict[str, Any]) -> str:
    """Return a verdict in today's word: results that were stored before have another."""
    verdict: str = claim["verdict"] or ""
    return verdict.replace("no detectable difference", "undecided")


def of_precision(folder: Path) -> str:
    told = read(folder, "precision")
    heads = (
        "rung",
        "accuracy in float32",
        "difference in bfloat16",
        "",
        "times as fast",
        "by seed",
    )
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    lines += [
        f"| {each['rung']} | {each['accuracy']:.3f} | {_interval(each)} | {_verdict(each)} "
        f"| {each['speed']:.2f} | {each['slowest']:.2f} to {each['fastest']:.2f} |"
        for each in told["rungs"]
    ]
    size = f"{told['images']:,} images, {told['epochs']} epochs, {told['seeds']} seeds"
    design = f"{size}; {plural(told['jobs'], 'trial')} at a time"
    return "\n".join(lines) + f"\n\n{design}. {results.as_line(told)}"


def of_growth(folder: Path) -> str:
    told = read(folder, "growth")
    lines = ["| images | bank | trial | climb |", "|---|---|---|---|"]
    for images in sorted({each["images"] for each in told["images"]}):
        cells = {each["what"]: _cost(each) for each in told["images"] if each["images"] == images}
        lines.append(f"| {images:,} | {cells['bank']} | {cells['trial']} | {cells['climb']} |")
    lines += ["", f"| jobs | climb of {told['trials']} |", "|---|---|"]
    lines += [f"| {each['jobs']} | {_cost(each)} |" for each in told["jobs"]]
    return "\n".join(lines) + f"\n\n{results.as_line(told)}"


def of_modern(folder: Path) -> str:
    told = read(folder, "modern")
    heads = (
        "rung",
        "seeds",
        "test accuracy",
        "against",
        "difference",
        "",
        "against the start",
        "parameters",
        "MFLOPs",
        "seconds of training",
    )
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for each in [*told["rungs"], *told["notebook"]]:
        claim, gained = each["difference"], each.get("gained")  # older results have none
        cells = (
            each["rung"] if each in told["rungs"] else "**the notebook's last network**",
            str(each.get("seeds", told.get("seeds"))),
            _accuracy(each),
            each["parent"] or "",
            *((_interval(claim), _verdict(claim)) if claim else ("", "")),
            _verdict(gained) if gained else "",
        )
        price = (
            f"{each['parameters']:,}",
            f"{each['flops'] / 1e6:,.1f}",
            f"{each['seconds']:,.0f}",
        )
        lines.append(f"| {' | '.join((*cells, *price))} |")
    design = (
        f"{told['images']['train']:,} images to train on, {told['images']['validation']:,} to "
        f"validate and {told['images']['test']:,} to test; "
        f"{plural(told['epochs'], 'epoch')} in {told['precision']}, the notebook's network "
        f"{plural(told['notebook_epochs'], 'epoch')} in float32"
    )
    picture = "![Accuracy on validation by seconds of training](../benchmarks/results/modern.png)"
    return "\n".join(lines) + f"\n\n{design}. {results.as_line(told)}\n\n{picture}"


def of_hour(folder: Path) -> str:
    told = read(folder, "hour")
    heads = (
        "",
        "test accuracy",
        "parameters",
        "MFLOPs",
        "epochs",
        "seconds of training, all cores",
    )
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for name in ("best", "notebook"):
        each = told[name]
        accuracy = _accuracy(each)
        price = (
            f"{each['parameters']:,} | {each['flops'] / 1e6:,.1f} | {each['epochs']} | "
            f"{each['seconds']:,.0f}"
        )
        lines.append(f"| {NETWORKS[name]} | {accuracy} | {price} |")
    lines.append(f"| difference | {_interval(told['difference'])} | | | | |")
    recipe = ", ".join(f"`{key}={json.dumps(value)}`" for key, value in told["recipe"].items())
    picture = "![Accuracy on validation by seconds of training](../benchmarks/results/hour.png)"
    return "\n".join(lines) + f"\n\nThe recipe: {recipe}. {results.as_line(told)}\n\n{picture}"


def of_tuned(folder: Path) -> str:
    told = read(folder, "tuned")
    heads = ("", "test accuracy", "parameters", "MFLOPs", "seconds a training")
    lines = [told["headline"], "", f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for each in told["rungs"]:
        accuracy = _accuracy(each)
        price = f"{each['parameters']:,} | {each['flops'] / 1e6:,.1f} | {each['seconds']:,.0f}"
        lines.append(f"| {each['rung']} | {accuracy} | {price} |")
    if told["claim"]:
        lines.append(
            f"| difference | {_interval(told['claim'])}: {_verdict(told['claim'])} | | | |"
        )
    counts = ", ".join(f"{count} {state}" for state, count in told["candidates"].items())
    found = ", ".join(
        f"`{key}` {json.dumps(new)} (default {json.dumps(old)})"
        for key, (old, new) in told["changes"].items()
    )
    design = (
        f"Candidates: {counts}, {plural(told['epochs'], 'epoch')} each, "
        f"{told['search_seconds'] / 60:,.0f} minutes"
    )
    if told["rungs"]:
        images = told["images"]
        design += (
            f"; {images['train']:,} images to train on, {images['validation']:,} to validate, "
        )
        design += f"{images['test']:,} to test; {plural(told['rungs'][0]['seeds'], 'seed')}"
    picture = "![Candidates as lines over their settings](../benchmarks/results/tuned.png)"
    return (
        "\n".join(lines)
        + f"\n\n{design}. Found: {found or 'nothing'}. {results.as_line(told)}\n\n{picture}"
    )


def of_kills(folder: Path) -> str:
    told = read(folder, "kills")
    lines = ["| kills | |", "|---|---|"]
    lines += [f"| {kind} | {count} |" for kind, count in told["kinds"].items()]
    lines += [
        f"| **all** | **{told['kills']}** |",
        f"| too late: the training was over | {told['too_late']} |",
    ]
    lines += [f"| workers that outlived their command by ten seconds | {told['orphans']} |"]
    lines += [
        f"| trainings that went on from a checkpoint, and were not restarted | {told['went_on']} |"
    ]
    lines += [f"| trainings that came out equal | **{told['equal']} of {told['trainings']}** |"]
    return "\n".join(lines) + f"\n\n{results.as_line(told)}"


def of_killed_climb(folder: Path) -> str:
    told = read(folder, "killed-climb")
    lines = ["| ended by | trials finished then | checkpoints of others |", "|---|---|---|"]
    lines += [
        f"| {each['way']} | {each['finished']} of {told['trials']} | {each['checkpoints']} |"
        for each in told["kills"]
    ]
    differs = ", ".join(told["differences"]) or "nothing"
    went_on = f"{plural(len(told['went_on']), 'trial')} went on from a checkpoint"
    return (
        "\n".join(lines)
        + f"\n\n{went_on}; in the end there differs: **{differs}**. {results.as_line(told)}"
    )


def of_price(folder: Path) -> str:
    told = read(folder, "safety-price")
    lines = ["| | times as long | range |", "|---|---|---|"]
    for name, words in (
        ("checkpoints", f"with checkpoints ({told['written']} written)"),
        ("deterministic", "deterministic"),
    ):
        each = told[name]
        lines.append(
            f"| {words} | {each['median']:.3f} | {each['low']:.3f} to {each['high']:.3f} |"
        )
    lines += [f"| share of the time that went into checkpoints | {100 * told['share']:.1f} % | |"]
    design = f"{told['rung']}, {told['epochs']} epochs, {told['rounds']} rounds in turn"
    return "\n".join(lines) + f"\n\n{design}. {results.as_line(told)}"


def of_live_page(folder: Path) -> str:
    told = read(folder, "live-page")
    share, ratio = told["share"], told["ratio"]
    lines = [
        "| | median | range |",
        "|---|---|---|",
        (
            f"| share of the time that went into the page | {100 * share['median']:.2f} % | "
            f"{100 * share['low']:.2f} to {100 * share['high']:.2f} % |"
        ),
        f"| the climb, times as long as without the page | {ratio['median']:.3f} | "
        f"{_range(ratio, 3)} |",
    ]
    images = "all images" if told["images"] is None else f"{told['images']:,} images"
    design = (
        f"{told['trials']} trials of CIFAR-10 ({images}, {told['epochs']} epochs) in "
        f"{told['seconds']:,.0f} s, with {told['pages']:,} pages of at most "
        f"{told['bytes'] / 1e3:.0f} kB; {told['rounds']} rounds in turn"
    )
    return "\n".join(lines) + f"\n\n{design}. {results.as_line(told)}"


def of_cluster(folder: Path) -> str:
    told = read(folder, "cluster")
    times, more, sent = told["times_as_long"], told["more_seconds"], told["bank_seconds"]
    rate = told["bank_bytes"] / sent["median"] / 1e6
    sizes = [told[name] / 1e6 for name in ("bank_bytes", "task_bytes", "run_bytes")]
    lines = [
        "| | median | range |",
        "|---|---|---|",
        (
            f"| the climb, times as long as on this machine | {times['median']:.2f} | "
            f"{_range(times, 2)} |"
        ),
        f"| seconds more | {more['median']:.1f} | {_range(more, 1)} |",
        f"| seconds to send a bank of {sizes[0]:,.0f} MB to a node ({rate:,.0f} MB a second) | "
        f"{sent['median']:.1f} | {_range(sent, 1)} |",
        f"| MB of one trial there, of a data set of {told['images']:,} images | {sizes[1]:.1f} | |",
        f"| MB of one run back, of the climb | {sizes[2]:.1f} | |",
        f"| trials whose predictions differ | {len(told['differences'])} of {told['trials']} | |",
    ]
    design = (
        f"The digits, {len(told['rungs'])} rungs, {plural(told['seeds'], 'seed')}, "
        f"{told['epochs']} epochs: two jobs here, and two nodes of one processor each on the "
        f"loopback; {told['rounds']} rounds in turn"
    )
    return "\n".join(lines) + f"\n\n{design}. {results.as_line(told)}"


def _range(told: dict[str, float], digits: int) -> str:
    return f"{told['low']:.{digits}f} to {told['high']:.{digits}f}"


def of_transfer(folder: Path) -> str:
    told = read(folder, "transfer")
    lines = [
        "| images a class | rung | accuracy | 95 % interval | over from-scratch | |",
        "|---|---|---|---|---|---|",
    ]
    for row in told["rows"]:
        gain = f"{_interval(row['gain'])} | {_verdict(row['gain'])}" if row["gain"] else " | "
        interval = f"{row['low']:.3f} to {row['high']:.3f}"
        lines.append(
            f"| {row['images']} | {row['rung']} | {row['mean']:.3f} | {interval} | {gain} |"
        )
    before, epochs = told["pretraining"], told["epochs"]
    each = ", ".join(f"{count} with {images} images a class" for images, count in epochs.items())
    design = (
        f"{' and '.join(told['apart'])}. Backbone: `{told['rung']}`, {before['images']:,} images "
        f"of the others, {plural(before['epochs'], 'epoch')}, test accuracy "
        f"{before['accuracy']:.3f} on them. {told['tested']:,} test images, "
        f"{plural(told['seeds'], 'seed')}; epochs: {each}."
    )
    picture = (
        "![Accuracy of each rung by the number of images a "
        "class](../benchmarks/results/transfer.png)"
    )
    return "\n".join(lines) + f"\n\n{design} {results.as_line(told)}\n\n{picture}"


def _accuracy(told: dict[str, Any]) -> str:
    return f"{told['accuracy']:.3f} ({told['low']:.3f} to {told['high']:.3f})"


def _cost(told: dict[str, Any]) -> str:
    return f"{told['seconds']:,.0f} s, {told['peak_bytes'] / 1e9:.2f} GB"


def _interval(told: dict[str, Any]) -> str:
    if told["low"] is None:
        return f"{told['difference']:+.3f}"
    return f"{told['difference']:+.3f} ({told['low']:+.3f} to {told['high']:+.3f})"


def of_load(folder: Path) -> str:
    told = read(folder, "load")
    heads = ("server", "connections", "answers a second", "half within", "99 % within", "refused")
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for name, server in told["servers"].items():
        for connections, each in server["closed"].items():
            lines.append(
                f"| {name} | {connections} | {_answers(each)} | {_refused(*each['statuses'])} |"
            )
        beyond = server["beyond"]
        rate = f"{server['rate']:,.0f} a second"
        lines.append(
            f"| {name} | asked {rate} | {_answers(beyond)} | {_refused(beyond['statuses'])} |"
        )
    ours, peer = told["servers"].values()
    best = [
        max(each["answers_per_second"] for each in server["closed"].values())
        for server in (ours, peer)
    ]
    grown = (ours["bytes_after"] - ours["bytes_before"]) / 1e6
    said = (
        f"{best[0] / best[1]:.0f} times as many answers at most; beyond what it bears its memory "
        f"grew by {grown:.0f} MB. A LeNet-5, one picture of 32 × 32 a request, client and server "
        f"on one machine, {told['seconds']:g} seconds each"
    )
    return "\n".join(lines) + f"\n\n{said}. {results.as_line(told)}"


def _answers(each: dict[str, Any]) -> str:
    times = (each["p50_milliseconds"], each["p99_milliseconds"])
    return " | ".join(
        [f"{each['answers_per_second']:,.0f}", *(f"{time:,.1f} ms" for time in times)]
    )


def _refused(*statuses: dict[str, int]) -> str:
    """Say how many of those sent got another answer than 200, and how many were not sent."""
    sent = sum(count for each in statuses for status, count in each.items() if status != "not sent")
    others = sent - sum(each.get("200", 0) for each in statuses)
    unsent = sum(each.get("not sent", 0) for each in statuses)
    return f"{others:,} of {sent:,}" + (f", and {unsent:,} could not be sent" if unsent else "")


def of_parity(folder: Path) -> str:
    told = read(folder, "parity")
    kinds = list(
        dict.fromkeys(
            (row["format"], row["int8"]) for rows in told["networks"].values() for row in rows
        )
    )
    kinds.sort(key=lambda kind: kind[1])
    heads = ("network", *(f"{kind} in int8" if int8 else kind for kind, int8 in kinds))
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for name, rows in told["networks"].items():
        cells = {(row["format"], row["int8"]): _parity(row) for row in rows}
        lines.append(f"| {name} | {' | '.join(cells.get(kind, '') for kind in kinds)} |")
    return "\n".join(lines) + f"\n\n{told['images']:,} images each. {results.as_line(told)}"


def _parity(row: dict[str, Any]) -> str:
    if "failed" in row:
        return f"**fails**: {row['failed'][:60]}"
    if row["int8"]:
        said = f"{row['mean']:.3f}; {_interval(row['accuracy_lost'])}"
    else:
        others = round(row["images"] * (1 - row["same"]["share"]))
        differs = f"{row['largest']:.0e}, {row['mean']:.0e}" if row["largest"] else "0"
        said = differs + (f", {plural(others, 'label')}" if others else "")
    return said if row["holds"] else f"**{said}**"


def of_accelerator(folder: Path) -> str:
    told = read(folder, "accelerator")
    name = told["accelerator"]
    sides = {
        "accelerator": name,
        "processor": "JAX on its processor",
        "PyTorch loop": f"PyTorch's loop, {name}",
    }
    lines = [f"| images a second | {' | '.join(sides.values())} |", "|---" * (1 + len(sides)) + "|"]
    for each in told["trainings"]:
        cells = [_speed(each["sides"].get(name)) for name in sides]
        lines.append(f"| {each['training']} | {' | '.join(cells)} |")
    if told["climbs"]:
        lines += ["", f"| climb of {plural(told['seeds'], 'seed')} | jobs | |", "|---|---|---|"]
        lines += [
            f"| on the {each['where']} | {each['jobs']} | {_whole(each)} |"
            for each in told["climbs"]
        ]
    design = (
        f"{plural(told['rounds'], 'round')}; after the first epoch; in brackets images and "
        "seconds of it all"
    )
    return "\n".join(lines) + f"\n\n{design}. {results.as_line(told)}"


def _speed(told: dict[str, Any] | None) -> str:
    if told is None:
        return ""
    return (
        _whole(told)
        if "failed" in told
        else f"{told['images_per_second']:,.0f} ({told['images']:,.0f}; {_whole(told)})"
    )


def _whole(told: dict[str, Any]) -> str:
    return f"**fails**: {told['failed'][:60]}" if "failed" in told else f"{told['seconds']:.0f} s"


def of_verdicts(folder: Path) -> str:
    told = read(folder, "verdicts")
    heads = ("data", "seeds", "spread of seeds, points", "false", "covers", "all")
    heads += tuple(f"finds {gain}" for gain in (1, 2, 4))
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    settings: dict[tuple[str, int, str], dict[str, list[float]]] = {}
    for each in told["rows"]:
        setting = each["data"], each["seeds"], each["spread"]
        settings.setdefault(setting, {})[each["way"]] = each["shares"]
    for setting, ways in settings.items():
        cells = [
            f"{100 * ours:.1f} ({100 * before:.1f})"
            for ours, before in zip(ways["ours"], ways["before"], strict=True)
        ]
        lines.append(f"| {' | '.join(map(str, setting))} | {' | '.join(cells)} |")
    wrong = {
        way: max(100 * found[way][0] for found in settings.values()) for way in ("images", "seeds")
    }
    design = (
        f"In percent, in brackets of the test before; {told['climbs']:,} climbs each, so that a "
        "share of 5 % is known to 1.8 points. With the images alone up to "
        f"{wrong['images']:.0f} % of climbs had a false claim, with the seeds alone up to "
        f"{wrong['seeds']:.0f} %"
    )
    return "\n".join(lines) + f"\n\n{design}. {results.as_line(told)}"


def of_adaptive(folder: Path) -> str:
    told = read(folder, "adaptive")
    designs = ("fixed 5", "fixed 8", "fixed 12", "adaptive", "adaptive 20", "asked again")
    heads = ("climb", "false, most", "covers", "all, least")
    heads += tuple(f"finds {gain}" for gain in (1, 2, 4))
    heads += ("finds, mixed", "trials, null", "trials, mixed")
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for design in designs:
        rows = [each["means"] for each in told["rows"] if _is_of(each, design)]
        false = max(share for row in rows for name, share in row.items() if "false," in name)
        least = min(share for row in rows for name, share in row.items() if "all," in name)
        covers = _mean(rows, "covers, null")
        found = [_mean(rows, f"finds, {ladder}") for ladder in ("1", "2", "4", "mixed")]
        shares = " | ".join(f"{100 * share:.1f}" for share in (false, covers, least, *found))
        trials = " | ".join(f"{_mean(rows, f'trials, {each}'):.0f}" for each in ("null", "mixed"))
        lines.append(f"| {design} | {shares} | {trials} |")
    settings = sum(_is_of(each, "adaptive") for each in told["rows"])
    design = (
        f"In percent, and trained networks; means of {settings} settings, but for *most* and "
        f"*least*; {told['climbs']:,} climbs each, so that a share of 5 % is known to 1.5 points"
    )
    return "\n".join(lines) + f"\n\n{design}. {results.as_line(told)}"


def of_metrics(folder: Path) -> str:
    told = read(folder, "metrics")
    heads = ("metric", "false, most", "covers", "differences", "finds")
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for metric in dict.fromkeys(row["metric"] for row in told["rows"]):
        rows = [row for row in told["rows"] if row["metric"] == metric]
        false = max(max(row["false_null"], row["false_mixed"]) for row in rows)
        spans = [
            f"{100 * min(shares):.1f} to {100 * max(shares):.1f}"
            for name in ("covers", "covers_difference")
            for shares in [[row[name] for row in rows]]
        ]
        found = _mean(rows, "finds")
        name = metric.replace("@c0", " of the rarest class")
        lines.append(f"| {name} | {100 * false:.1f} | {' | '.join(spans)} | {100 * found:.1f} |")
    climbs = told["climbs"]
    error = 100 * math.sqrt(0.05 * 0.95 / climbs)
    design = (
        f"In percent; {climbs:,} climbs of each kind and setting, so that a share of 5 % is known "
        f"to {error:.1f} points"
    )
    return "\n".join(lines) + f"\n\n{design}. {results.as_line(told)}"


def of_real(folder: Path) -> str:
    told = read(folder, "real")
    heads = ("metric", "rungs", "seeds", "false", "differences", "covers", "networks")
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for row in told["rows"]:
        shares = " | ".join(
            f"{100 * row[name]:.1f}" for name in ("false", "covers_difference", "covers")
        )
        named = " | ".join(str(row[name]) for name in ("metric", "rungs", "seeds"))
        lines.append(f"| {named} | {shares} | {row['networks']:.0f} |")
    climbs = told["climbs"]
    error = 100 * math.sqrt(0.05 * 0.95 / climbs)
    design = (
        f"In percent; {told['seeds']} seeds of LeNet-5, {told['images']} test images of the "
        f"digits; {climbs:,} climbs each, so that a share of 5 % is known to {error:.1f} points"
    )
    return "\n".join(lines) + f"\n\n{design}. {results.as_line(told)}"


def _is_of(row: Mapping[str, Any], design: str) -> bool:
    return row["design"] == design and "margin" not in row["spread"]


def _mean(rows: Sequence[Mapping[str, float]], name: str) -> float:
    return statistics.fmean(row[name] for row in rows)


FOLDED = (("5 seeds", "5 folds"), ("12 seeds", "5 folds, 2 seeds"))  # of like compute


def of_folds_or_seeds(folder: Path) -> str:
    told = read(folder, "folds-or-seeds")
    rows = {(each["images"], each["spread"]): {} for each in told["rows"]}
    for each in told["rows"]:
        rows[each["images"], each["spread"]][each["comparisons"], each["design"]] = each
    comparisons = sorted({each["comparisons"] for each in told["rows"]})
    heads = ["images", "spread of seeds", "standard error"]
    heads += [f"{plural(number, 'comparison')}" for number in comparisons]
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for (images, spread), found in rows.items():
        errors = _side_by_side(found, comparisons[0], lambda each: each["standard_error"], 1)
        finds = [
            _side_by_side(found, each, lambda one: one["finds"]["4"], 0) for each in comparisons
        ]
        lines.append(f"| {images:,} | {100 * spread:.1f} | {errors} | {' | '.join(finds)} |")
    foreseen = [each["finds_foreseen"] for each in told["rows"] if each["finds_foreseen"]]
    false = max(each["false"] for each in told["rows"] if "folds" in each["design"])
    design = (
        f"Left of the semicolon 5 seeds → 5 folds, right of it 12 seeds → 5 folds with 2 seeds; "
        f"{told['climbs']:,} climbs each. What is foreseen to be found in 80 % of cases was found "
        f"in {100 * min(foreseen):.0f} to {100 * max(foreseen):.0f} %. With folds at most "
        f"{100 * false:.0f} % of climbs had a false claim"
    )
    return "\n".join(lines) + f"\n\n{design}. {results.as_line(told)}"


def _side_by_side(
    found: Mapping[tuple[int, str], Mapping[str, Any]],
    comparisons: int,
    figure: Callable[[Mapping[str, Any]], float],
    digits: int,
) -> str:
    """Return a figure in percent or points, of seeds and of folds, for each compute."""
    return "; ".join(
        " → ".join(f"{100 * figure(found[comparisons, design]):.{digits}f}" for design in pair)
        for pair in FOLDED
    )


MAKERS = {
    "folds-or-seeds": of_folds_or_seeds,
    "adaptive": of_adaptive,
    "metrics": of_metrics,
    "real": of_real,
    "accelerator": of_accelerator,
    "parity": of_parity,
    "load": of_load,
    "precision": of_precision,
    "growth": of_growth,
    "modern": of_modern,
    "hour": of_hour,
    "tuned": of_tuned,
    "kills": of_kills,
    "killed-climb": of_killed_climb,
    "safety-price": of_price,
    "live-page": of_live_page,
    "cluster": of_cluster,
    "transfer": of_transfer,
    "verdicts": of_verdicts,
}
