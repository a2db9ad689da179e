"""What the benchmark scripts share: percentiles, and figures in the shape of Google Benchmark's JSON."""
import json
import math


def percentile(values, q):
    """The value of rank ceil(q n)."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(q * len(ordered)) - 1)]


def spread(name, values):
    return {f"{name}_p50": percentile(values, 0.5), f"{name}_p90": percentile(values, 0.9), f"{name}_max": max(values)}


def print_figures(name, counters):
    """`x_limit` is the limit of `x`."""
    print(json.dumps({"benchmarks": [{"name": name, **counters}]}, indent=1))
