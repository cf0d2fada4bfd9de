"""The figures of bench_peers.py as a bar chart."""

from __future__ import annotations

import json
import pathlib
import sys

COLOURS = {"limner": "#c2410c", "onnxruntime": "#64748b", "OpenVINO": "#94a3b8", "MNN": "#b6c2cf", "ncnn": "#d5dde5"}
TITLES = {"plain": "plain Generator", "inpaint": "EdgeConnect, inpaint", "edge": "EdgeConnect, edge", "keyvalue": "key/value variant"}


def draw(figures: dict, path: pathlib.Path) -> None:
    """One panel a network, one group of bars for each number of threads."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    networks = list(dict.fromkeys(row["network"] for row in figures["figures"]))
    figure, panels = pyplot.subplots(1, len(networks), figsize=(max(7, 4.4 * len(networks)), 3.4), squeeze=False)
    for panel, network in zip(panels[0], networks):
        draw_panel(panel, network, [row for row in figures["figures"] if row["network"] == network])
    pictures = f"{figures['batch']} pictures of" if figures["batch"] > 1 else "one picture of"
    figure.suptitle(f"Milliseconds for {pictures} {figures['size']} x {figures['size']}, float32 (less is better)", fontsize=11)
    handles = {bar.get_label(): bar for panel in panels[0] for bar in panel.containers}
    figure.legend(handles.values(), handles.keys(), loc="lower center", ncol=len(handles), frameon=False, fontsize=9)
    figure.tight_layout(rect=(0, 0.07, 1, 1))
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
    pyplot.close(figure)


def draw_panel(panel, network: str, rows: list[dict]) -> None:
    engines = list(dict.fromkeys(name for row in rows for name in row["engines"]))
    width = 0.84 / len(engines)
    for k, name in enumerate(engines):
        places = [i for i, row in enumerate(rows) if name in row["engines"]]
        times = [rows[i]["engines"][name].get("median_ms", 0) for i in places]
        bars = panel.bar([i + (k - (len(engines) - 1) / 2) * width for i in places], times, width * 0.92,
                         color=COLOURS.get(name, "#cbd5e1"), label=name)
        panel.bar_label(bars, [f"{time:.0f}" if time else "WRONG" for time in times], fontsize=8, padding=1)
    panel.set_xticks(range(len(rows)), [f"{row['threads']} thread{'s' if row['threads'] > 1 else ''}" for row in rows])
    panel.set_title(TITLES.get(network, network), fontsize=10)
    panel.spines[["top", "right"]].set_visible(False)
    panel.tick_params(axis="x", length=0)
    panel.set_ylim(0, 1.12 * max(r.get("median_ms", 1) for row in rows for r in row["engines"].values()))


if __name__ == "__main__":  # plot.py FIGURES.json PICTURE.png
    draw(json.loads(pathlib.Path(sys.argv[1]).read_text()), pathlib.Path(sys.argv[2]))
