"""What peers.py found, as a Markdown table, a TSV and an SVG chart.

A network's int8 and float figures are each those of the fastest file that a runtime took: networks come as up to three int8 files
(QDQ with u8 or s8 activations, QOperator), and which one suits a runtime best is for it to say.
"""

import dataclasses
import html
import statistics

RETORT = "Retort"
# A bar that is so much longer than the shortest is cut off, with its figure beside it.
LONGEST = 8.0


@dataclasses.dataclass
class Row:
    """The measurement of one file in one runtime."""

    network: str
    runtime: str
    file: str  # Its name without ending.
    precision: str  # int8 or f32: what the file says, not what the runtime makes of it.
    times: list = dataclasses.field(default_factory=list)  # (minimum, median) in milliseconds a turn.

    @property
    def least(self):
        return min(minimum for minimum, _ in self.times)

    @property
    def median(self):
        return statistics.median(median for _, median in self.times)


def best(rows):
    """The fastest row, None of none."""
    return min(rows, key=lambda row: row.least, default=None)


def ratio(rows, network, precision):
    """How many times faster Retort is than the best peer: int8 against the best of all peers, whatever they compute in;
    float against the best float."""
    mine = [r for r in rows if r.network == network]
    retort = best(r for r in mine if r.runtime == RETORT and r.precision == precision)
    peer = best(r for r in mine if r.runtime != RETORT and (precision == "int8" or r.precision == "f32"))
    return peer.least / retort.least if retort and peer else None


def columns(rows):
    """Networks, and pairs of runtime and precision in the order of their mean speed, Retort first."""
    networks = list(dict.fromkeys(row.network for row in rows))
    kinds = dict.fromkeys((row.runtime, row.precision) for row in rows)

    def slowness(kind):
        cells = [cell(rows, network, kind) for network in networks]
        floors = [best(r for r in rows if r.network == network).least for network in networks]
        relative = [c.least / floor for c, floor in zip(cells, floors) if c]
        return kind[0] != RETORT, statistics.geometric_mean(relative)

    return networks, sorted(kinds, key=slowness)


def cell(rows, network, kind):
    return best(r for r in rows if r.network == network and (r.runtime, r.precision) == kind)


def markdown(rows, macs, conditions):
    """The table, and what it was measured under."""
    networks, kinds = columns(rows)
    lines = ["| ms: least (median) | " + " | ".join(networks) + " |", "|---" * (len(networks) + 1) + "|"]
    if macs:
        lines.append("| million multiply-accumulates | " + " | ".join(
            f"{macs[n] / 1e6:.0f}" if n in macs else "" for n in networks) + " |")
    for runtime, precision in kinds:
        cells = [cell(rows, network, (runtime, precision)) for network in networks]
        texts = [f"{c.least:.2f} ({c.median:.2f})" if c else "–" for c in cells]
        if runtime == RETORT:
            texts = [f"**{c.least:.2f}** ({c.median:.2f})" if c else "–" for c in cells]
        lines.append(f"| {runtime} {precision} | " + " | ".join(texts) + " |")
    for precision, against in (("int8", "any"), ("f32", "float")):
        ratios = [ratio(rows, network, precision) for network in networks]
        if any(ratios):
            texts = [f"{r:.2f}" if r else "–" for r in ratios]
            lines.append(f"| best {against} peer / Retort {precision} | " + " | ".join(texts) + " |")
    lines += ["", *(f"* {condition}" for condition in conditions)]
    return "\n".join(lines) + "\n"


def left_out(reasons):
    return "\n".join(["", "Left out:", "", *(f"* {reason}" for reason in reasons)]) + "\n" if reasons else ""


def tsv(rows, versions, threads):
    lines = ["network\truntime\tversion\tfile\tprecision\tthreads\tturns\tmin_ms\tmedian_ms"]
    for row in rows:
        lines.append("\t".join([row.network, row.runtime, versions.get(row.runtime, ""), row.file, row.precision, str(threads),
                                str(len(row.times)), f"{row.least:.4f}", f"{row.median:.4f}"]))
    return "\n".join(lines) + "\n"


def svg(rows, title):
    """A panel for each network with a bar for each runtime and precision, the fastest on top."""
    networks, _ = columns(rows)
    panel, bar, label, left = 330, 16, 150, 10
    across = min(3, len(networks))
    panels = []
    for network in networks:
        kinds = dict.fromkeys((r.runtime, r.precision) for r in rows if r.network == network)
        panels.append((network, sorted((cell(rows, network, kind) for kind in kinds), key=lambda row: row.least)))
    heights = [max(len(bars) for _, bars in panels[i:i + across]) * (bar + 4) + 50
               for i in range(0, len(panels), across)]
    width, height = across * (panel + 20) + left, sum(heights) + 50
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        'font-family="sans-serif" font-size="11">',
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
        f'<text x="{left}" y="22" font-size="14" fill="#222222">{html.escape(title)}</text>',
    ]
    top = 40
    for index, (network, bars) in enumerate(panels):
        x = left + index % across * (panel + 20)
        if index and index % across == 0:
            top += heights[index // across - 1]
        parts.append(f'<text x="{x}" y="{top + 14}" font-weight="bold" fill="#222222">{html.escape(network)}, ms</text>')
        room = panel - label - 45
        scale = room / min(bars[-1].least, bars[0].least * LONGEST)
        for place, row in enumerate(bars):
            y = top + 24 + place * (bar + 4)
            length, cut = min(row.least * scale, room), row.least * scale > room * 1.001
            retort = row.runtime == RETORT
            colour = ("#c2410c", "#fb923c") if retort else ("#475569", "#94a3b8")
            fill = colour[row.precision == "f32"]
            weight = ' font-weight="bold"' if retort else ""
            parts.append(f'<text x="{x + label - 6}" y="{y + 12}" text-anchor="end" fill="#222222"{weight}>'
                         f'{html.escape(row.runtime)} {row.precision}</text>')
            parts.append(f'<rect x="{x + label}" y="{y}" width="{length:.1f}" height="{bar}" fill="{fill}"/>')
            if cut:  # A gap near the end says that the bar goes on.
                gap = x + label + room - 14
                parts.append(f'<path d="M{gap} {y + bar + 1} l6 {-bar - 2} h5 l-6 {bar + 2} z" fill="#ffffff"/>')
            parts.append(f'<text x="{x + label + length + 4:.1f}" y="{y + 12}" fill="#222222"{weight}>{row.least:.2f}</text>')
    parts.append("</svg>")
    return "\n".join(parts) + "\n"
