#!/usr/bin/env python3
"""Executable reference of the pace `swift` (docs/statistics.md, section 12.1) as a `decide` process in plain Python, written from that page and not from
the product: what section 12.1 does not name is controller.py's, section by section. Slow and meant to be read.

  swift.py                        starts, ticks and stops on standard input, answers on standard output

A start has `"pace":"swift"`, and may have `lag_s`, `planned_shares` and `fuse`; a tick may have `stopped_at`. Only the policy `adaptive`. Where the page
leaves a choice, section 12.3 of it says what was chosen.
"""
import json, math, os, sys
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import controller as classic
from controller import Bad, Mean, clamp, items, number, pair, record, upper, z_of, choice, ROUND
from core import RateE, SlopeE, full_grid

T0, WARM_UP, BAKE, DEADLINE = 300, 240, 2700, 6600
BUDGET = {"fast": (.1, .006, .006, .002), "balanced": (.03, .002, .0015, .0005), "careful": (.01, .0007, .0005, .0002)}  # b_s, s_s, b_w, s_w
Q = {"errors": .35, "t50": .15, "t90": .15, "t99": .20, "t999": .10, "route": .03, "high": .03, "slope": .05, "mean": .03}
KINDS = ("errors", "t50", "t90", "t99", "t999")
GATES = {"errors": ("errors", "route"), "tail": ("t99", "t999")}
SHARE_ALPHA = 1e-3


def ratio(psi, kc, nc, kb, nb, p, rho0, ec, eb):
    """ln of the e-value at exposures ec and eb of the arms: section 2 with ec = n_c, eb = n_b, planned shares with w and 1 - w."""
    o = psi * p / (1 - p)
    pa = o / (1 + o)
    if pa <= 1.0001 * rho0 * p:
        return 0.0
    A, B, C = (ec + eb) * rho0, ec * (pa + rho0) + eb * (rho0 * p + 1), ec * pa + eb * p
    q = 2 * C / (B + math.sqrt(max(0.0, B * B - 4 * A * C)))
    qa = rho0 * q
    if q <= 0 or qa >= 1:
        return 0.0
    return (kc * math.log(pa / qa) + (nc - kc) * math.log((1 - pa) / (1 - qa))
            + kb * math.log(p / q) + (nb - kb) * math.log((1 - p) / (1 - q)))


class Process:
    """m, wait and log E of one metric in one copy, and what it knows of the baseline."""
    def __init__(s, p_hist, s2, d):
        s.ph = clamp(p_hist, 1e-7, .6)
        s.psi, s.pi = full_grid(s.ph)
        s.s2, s.d, s.eK, s.eN = s2, d, 0.0, 0.0
        s.begin()

    def begin(s):
        s.m, s.wait, s.le = [.6 * x for x in s.pi], .4, 0.0

    def p(s):
        return min(.9, (s.eK + 4) / (s.eN + 4 / s.ph))

    def step(s, counts, rho0, hazard, a=0.0, plan=None):
        kc, nc, kb, nb = counts
        p, seen = s.p(), (kb, nb)
        if a > 0:
            kb, nb = kb + a, nb + a / p
        if plan:
            w, n = plan
            l = [ratio(x, kc, nc, kb, nb, p, rho0, w, 1 - w) for x in s.psi]
            harmonic = n * w * (1 - w) if n > 0 else nc * nb / (nc + nb) if nc + nb else 0.0
        else:
            l = [ratio(x, kc, nc, kb, nb, p, rho0, nc, nb) if nc > 0 and nb > 0 else 0.0 for x in s.psi]
            harmonic = nc * nb / (nc + nb) if nc + nb else 0.0
        phi = 1 + p / (1 - p) * harmonic * s.s2
        l = [x / phi for x in l]
        top = max(0.0, max(l))
        new = s.wait * hazard
        m = [(m + new * pi) * math.exp(x - top) for m, pi, x in zip(s.m, s.pi, l)]
        drift = .001 * s.d
        for j in range(len(m) - 1, 0, -1):
            m[j] += drift * m[j - 1]
            m[j - 1] *= 1 - drift
        wait = (s.wait - new) * math.exp(-top)
        total = max(sum(m) + wait, 1e-290)
        s.le += top + math.log(total)
        s.m, s.wait = [x / total for x in m], wait / total
        g = 2 ** (-s.d / 600)
        s.eK, s.eN = g * s.eK + seen[0], g * s.eN + seen[1]


class Metric:
    def __init__(s, name, kind, p_hist, s2, share, d):
        s.name, s.kind, s.share = name, kind, share
        s.F, s.G = Process(p_hist, s2, d), Process(p_hist, s2, d)
        s.copy = Process(p_hist, s2, d) if kind in KINDS else None
        s.K = s.N = 0.0

    def shifted(s):
        K, M = s.K, s.G.p() * s.N
        if M <= 0:
            return False
        divergence = (K * math.log(K / M) if K > 0 else 0.0) - K + M
        return divergence > 8 and (K > 1.7 * M or K < M / 1.7)

    def harm(s, later):
        """sum_j m_j exc_j, and wait min(1, R/(t0+t)) sum_j pi_j exc_j, both in units of E."""
        p, begun, coming = s.G.p(), 0.0, 0.0
        for psi, m, pi in zip(s.G.psi, s.G.m, s.G.pi):
            pa = psi * p / (1 - p)
            pa = pa / (1 + pa)
            exc = upper(2.3263 - (z_of(pa) - z_of(p))) - .01 if s.kind in ("t50", "t90") else pa - p
            begun += m * max(0.0, exc) * s.share
            coming += pi * max(0.0, exc) * s.share
        return begun, s.G.wait * later * coming


def expit(x):
    return 1 / (1 + math.exp(-x)) if x > -700 else 0.0


class Share:
    """Is the canary's share the planned one? Likelihood ratios of shares with other odds, which may begin at any time."""
    F = (.5, .75, .9, .95, 1.05, 1.1, 1.33, 2.)

    def __init__(s):
        s.m, s.wait, s.le = [.5 / 8] * 8, .5, 0.0

    def step(s, nc, nb, w, hazard):
        l = [nc * math.log(f / (1 - w + f * w)) - nb * math.log(1 - w + f * w) for f in s.F]
        top = max(0.0, max(l))
        new = s.wait * hazard
        s.m = [(m + new / 8) * math.exp(x - top) for m, x in zip(s.m, l)]
        s.wait = (s.wait - new) * math.exp(-top)
        total = max(sum(s.m) + s.wait, 1e-290)
        s.le += top + math.log(total)
        s.m, s.wait = [x / total for x in s.m], s.wait / total


class Gauge:
    """A gauge's test, fed with one value in 10 s."""
    def __init__(s, name, kind, phi, sigma, step, d):
        s.name, s.kind = name, kind
        if step > d and phi > 0:                          # of every nth value of an AR(1)
            longer = phi ** (step / d)
            phi, sigma = longer, sigma * math.sqrt((1 - longer ** 2) / (1 - phi ** 2))
        elif step > d:
            phi, sigma = 0.0, sigma / math.sqrt(1 - phi ** 2)
        phi = max(phi, min(.97, phi + math.sqrt((1 - phi * phi) / 360)))
        s.test = Mean(phi, sigma) if kind == "mean" else classic.Slope(phi, sigma, step)
        s.latest = None

    le = property(lambda s: s.test.le)


class Rollout:
    def __init__(s, start):
        s.crit = choice(start, "criticality", 3, (1, 2, 3, 4))
        s.mode = choice(start, "mode", "balanced", tuple(BUDGET))
        choice(start, "policy", "adaptive", ("adaptive",))
        choice(start, "pace", "classic", ("swift",))
        s.alpha = number(start, "alpha", .01, 1e-9, .5)
        s.scale = number(start, "time_scale", 1, 1e-3, 1e3)
        s.D = number(start, "tick_s", classic.TICK[s.crit] * s.scale, 1e-3)
        s.d = round(s.D / s.scale, 9)
        s.R = 2 * s.d + number(start, "lag_s", 0, 0) / s.scale
        p0 = clamp(number(start, "risk", .15, 0, 1), .005, .8)
        s.o0 = p0 / (1 - p0)
        s.rollback_below = number(start, "rollback_below", .1, 0, 1)
        s.at_deadline = choice(start, "at_deadline", "promote", ("promote", "hold", "roll_back"))
        s.detect = number(start, "detect", 2)
        s.n = number(start, "requests_per_s", 0, 0) * s.D or None
        s.planned, s.fuse = start.get("planned_shares", False), start.get("fuse", False)
        limits = record(start, "limits", {})
        s.warm_up, s.bake, s.deadline = (number(limits, k, x * s.scale, 0) / s.scale for k, x in
                                         (("warm_up_s", WARM_UP), ("bake_s", BAKE), ("deadline_s", DEADLINE)))
        h = record(start, "history", {})
        p, s2 = number(h, "error_rate", .001, 0, 1), number(h, "error_s2", 0, 0)
        lat = [number({"latency_s2": x}, "latency_s2", low=0) for x in items(h, "latency_s2", (0, 0, 0, 0))]
        if len(lat) not in (3, 4):
            raise Bad("latency_s2: three or four numbers")
        lat += [0] * (4 - len(lat))
        s.s2, s.t99 = s2, number(h, "t99_s", 0, 0)
        table = [("errors", "errors", p, s2, 1.)] + [(k, k, e, v, 1.) for k, e, v in zip(KINDS[1:], (.5, .1, .01, .001), lat)]
        table += [("route%d" % i, "route", number(r, "error_rate", p, 0, 1), s2, number(r, "share", 0, 0, 1)) for i, r in enumerate(items(h, "routes"))]
        s.metrics = [Metric(*row, s.d) for row in table]
        s.gauges, s.gauge_step, s.gauge_due = [], max(10.0, s.d), 0.0
        for g in items(h, "gauges"):
            if not isinstance(g.get("name"), str):
                raise Bad("gauges: a name")
            noise = number(g, "phi", low=-.999, high=.999), number(g, "sigma", low=1e-12)
            s.gauges.append(Gauge(g["name"], "mean", *noise, s.gauge_step, s.d))
            if g["name"] == "memory":
                s.gauges.append(Gauge(g["name"], "slope", *noise, s.gauge_step, s.d))
        total = sum(Q[m.kind] for m in s.metrics) + Q["high"] * len(KINDS) + sum(Q[g.kind] for g in s.gauges)
        s.q = {k: v / total for k, v in Q.items()}

        s.t, s.t_s, s.w, s.before = 0.0, 0.0, 0, None
        s.warm, s.hold, s.held = True, {}, {}
        s.share, s.disproved, s.awaits = Share(), False, False
        s.seen, s.down, s.stalled, s.end = [], 0, 0, None
        s.evidence()
        s.next = s.pace(first=True)
        s.last = s.answer(0, "first weight")
        s.w = s.next

    # ---- sections 5 and 12.1

    def terms(s, F, copies=True):
        """(q, log E, alt) of F with its copies, or of G; and of the gauges."""
        out = [(s.q[m.kind], x.le, 1 - x.wait) for m in s.metrics for x in ((m.F if F else m.G),)]
        if F and copies:
            out += [(s.q["high"], m.copy.le, 1 - m.copy.wait) for m in s.metrics if m.copy]
        return out + [(s.q[g.kind], g.le, 1.0) for g in s.gauges]

    def mix(s, F, copies=True):
        v = [(math.log(q) + le, alt) for q, le, alt in s.terms(F, copies)]
        top = max(0.0, max(x for x, _ in v))
        total = sum(math.exp(x - top) for x, _ in v)
        pf = sum(math.exp(x - top) * alt for x, alt in v) * s.o0 / (math.exp(-top) + s.o0 * total)
        return top + math.log(total), min(1.0, pf)

    def evidence(s):
        s.log_e, s.p_fail = s.mix(True)
        s.p_fail_at_any_load = s.mix(True, copies=False)[1]

    def rps(s):
        return s.n / s.d

    def least(s):
        return 10 if s.n is None else int(1e4 * max(.0002, min(.05, .1 / s.rps())) + ROUND)

    def harms(s):
        """H_s and H_w, each metric by its own posterior."""
        Hs = Hw = 0.0
        later = min(1.0, s.R / (T0 + s.t))
        for m in s.metrics:
            x = math.log(s.o0 * s.q[m.kind]) + m.G.le
            begun, coming = m.harm(later)
            Hs += expit(x) * begun
            if m.G.wait > 0:
                Hw += expit(x + math.log(m.G.wait)) * coming / m.G.wait
        for g in s.gauges:
            P = expit(math.log(s.o0 * s.q[g.kind]) + g.le)
            Hs += P * .1 * max(0.0, (P - .05) / .95)
        return Hs, Hw

    def cap(s):
        a, b = s.warm_up * 200 / 240, s.warm_up * 230 / 240
        high = 2500 if s.t < a else 2500 + 7000 * (s.t - a) / (b - a) if s.t < b else 9500
        return int((min(high, 3000) if s.pb > .2 else high) + ROUND)

    def pace(s, first=False, silent=False):
        s.pb = s.mix(False)[1]
        least = s.least()
        if s.n is None:
            want = least
        else:
            (Hs, Hw), (bs, ss, bw, sw) = s.harms(), BUDGET[s.mode]
            factor = classic.BY_CRITICALITY[s.crit] * s.d
            Bs, Bw = factor * (bs + .01 * ss * s.rps()), factor * (bw + .01 * sw * s.rps())
            want = 1e4 / (s.rps() * s.R * max(Hs / Bs + Hw / Bw, 1e-12))
        high = 200 if first else least if s.w == 0 else min(9500, max(int(min(9500, s.w * 2 ** (s.d / 5)) + ROUND), s.w + 1))
        high = min(high, s.cap())
        if silent and s.w:
            high = min(high, s.w)
        if 1 - (s.p_fail if s.w >= 3000 else s.p_fail_at_any_load) < .3:
            high = min(high, max(s.w, least))
        return int(min(max(want, least), high) + ROUND)

    def requests_needed(s, bp):
        F = s.metrics[0].F
        p, w = F.p(), bp / 1e4
        pa = min(s.detect * p, .999)
        info = ratio(pa * (1 - p) / (p * (1 - pa)), w * pa, w, (1 - w) * p, 1 - w, p, 1.1, w, 1 - w) if 0 < w < 1 else 0.0
        info /= 1 + p / (1 - p) * (s.n or 0) * w * (1 - w) * s.s2
        return math.ceil(max(0.0, -math.log(s.alpha * s.q["errors"]) - F.le) / info) if info > 0 else None

    # ---- one tick

    def read(s, tick):
        """Counts of each metric: (kc, nc, kb, nb), and whether both arms told theirs."""
        arms = record(tick, "canary"), record(tick, "baseline")

        def both(get):
            got = [get(a) for a in arms]
            return sum((pair(*(x or (0, 0))) for x in got), ()), None not in got

        def listed(a, key, i, made):
            return made(items(a, key)[i]) if i < len(items(a, key)) else None

        counts = {"errors": both(lambda a: (a.get("errors", 0), a.get("requests")))}
        for i, k in enumerate(KINDS[1:]):
            counts[k] = both(lambda a: listed(a, "slower", i, lambda x: (x, a.get("requests"))))
        for i in range(len(s.metrics) - len(KINDS)):
            counts["route%d" % i] = both(lambda a: listed(a, "routes", i, lambda x: (x.get("errors", 0), x.get("requests"))))
        for a in arms:                                  # more routes than it has must be counts too
            for x in items(a, "routes"):
                pair(x.get("errors", 0), x.get("requests"))
        return arms, counts

    def step(s, tick):
        t_s = number(tick, "t_s")
        t = round(t_s / s.scale, 6)
        if t <= s.t:
            raise Bad("t_s: later than the tick before")
        arms, counts = s.read(tick)
        y = record(tick, "gauges", {})
        for name in y:
            number(y, name)
        in_flight = number(arms[0], "in_flight", 0, 0)
        stopped = number(tick, "stopped_at", 0, 0, t_s)
        if s.end:
            return dict(s.last, t_s=t_s)

        d, w, n_before = s.d, s.w, s.n
        length = stopped - s.t_s if stopped > s.t_s else s.D
        s.t = t
        (_, nc, _, nb), _ = counts["errors"]
        expected = w / 1e4 * (s.n or 0), (1 - w / 1e4) * (s.n or 0)
        s.seen = (s.seen + [(nc, nb, (nc > 0 or expected[0] < 5) and (nb > 0 or expected[1] < 5))])[-max(6, round(10 / d)):]
        if nc + nb > 0:
            n = (nc + nb) * s.D / length
            s.n = n if s.n is None else s.n + (n - s.n) * min(1.0, .02 * d)
        s.down = s.down + 1 if arms[0].get("up", True) is False and arms[1].get("up", True) is not False else 0
        s.stalled = s.stalled + 1 if nc == 0 and in_flight > 0 else 0

        before, s.before = w if s.before is None else s.before, w
        rise = 0.0 if w <= before else 1.0 if before == 0 else math.log2(w / before)
        hazard = min(.5, d / (T0 + t) + .02 * rise + (.02 if w >= 3000 > before else 0))
        if s.down >= 3:
            return s.stop(t_s, "roll_back", "fail", "canary down", by="canary down")
        # a tick that the fuse cut short tells the truth only to planned shares
        judged = not stopped or (s.planned and 0 < w and not s.disproved)
        if judged:
            s.judge(counts, w / 1e4, (n_before or 0) * length / s.D, hazard)
            if t > s.warm_up:
                s.see(y)
        s.evidence()
        was, s.t_s = s.disproved, t_s
        if s.share.le >= -math.log(SHARE_ALPHA) and not s.disproved:
            s.disproved = True
            for m in s.metrics:
                for x in (m.F, m.copy):
                    if x and x.le > 0:
                        x.begin()
            s.evidence()
        return s.decide(t_s, w, nb, s.disproved and not was)

    def judge(s, counts, w, n, hazard):
        warm = s.t <= s.warm_up
        if s.warm and not warm:
            s.warm = False
            for m in s.metrics:
                if m.G.le > 0:
                    m.G.begin()
        for gate, kinds in GATES.items():
            members = [m for m in s.metrics if m.kind in kinds]
            hit = [m for m in members if m.shifted()]
            for m in hit:
                for x in (m.F, m.G, m.copy):
                    if x:
                        x.eK, x.eN = m.K, m.N
            s.hold[gate] = max(0, s.hold.get(gate, 0) - 1)
            if hit and not s.held.get(gate):
                s.hold[gate] = round(600 / s.d)
                for m in members:
                    if m.G.le > 0:
                        m.G.begin()
            s.held[gate] = bool(hit) or s.hold[gate] > 0
        (_, nc, _, nb), _ = counts["errors"]
        if nc + nb == 0:
            return
        left = max(0.0, 1 - s.t / s.warm_up) if s.warm_up > 0 else 0.0
        plan_on = s.planned and 0 < w < 1 and not s.disproved
        g = 2 ** (-s.d / 40)
        for m in s.metrics:
            c, whole = counts[m.name]
            rho0 = 1.1 * (1 + 3.3 * left) if warm and m.kind in ("errors", "route") else 1.1
            plan = (w, n * m.share) if plan_on and whole else None
            if not (warm and m.kind in KINDS[1:]):
                m.F.step(c, rho0, hazard, plan=plan)
                if m.copy and w >= .3:
                    m.copy.step(c, rho0, hazard, plan=plan)
            gate = [k for k, kinds in GATES.items() if m.kind in kinds]
            a = 0.0 if not gate or s.held[gate[0]] else .05 * s.d
            m.G.step(c, 1.1, hazard, a=a)
            m.K, m.N = g * m.K + c[2], g * m.N + c[3]
        if s.planned and 0 < w < 1 and not s.disproved:
            s.share.step(nc, nb, w, min(.5, s.d / (T0 + s.t)))

    def see(s, y):
        each = s.d >= 10
        due = each or s.t >= s.gauge_due - 1e-6
        if due and not each:
            s.gauge_due = (math.floor(s.t / 10 + 1e-6) + 1) * 10
        for g in s.gauges:
            g.latest = y.get(g.name, g.latest)
            if due:
                g.test.see(g.latest)
                g.latest = None

    def silent(s):
        last = s.seen[-max(1, round(10 / s.d)):]
        return sum(x[0] for x in last) == 0 or sum(x[1] for x in last) == 0 or not s.seen[-1][2]

    def alive(s):
        return len(s.seen) >= 6 and all(x[2] for x in s.seen) and sum(x[0] for x in s.seen) > 0 < sum(x[1] for x in s.seen)

    def decide(s, t_s, w, nb, mismatch):
        if s.log_e >= -math.log(s.alpha):
            return s.stop(t_s, "roll_back", "fail", "evidence", by="evidence")
        if 1 - s.p_fail < s.rollback_below:
            return s.stop(t_s, "roll_back", "fail", "prediction", by="prediction")
        s.next, person = s.pace(silent=s.silent()), False
        if s.t >= s.deadline:
            if s.at_deadline == "roll_back":
                return s.stop(t_s, "roll_back", "not_proven", "deadline", by="deadline")
            person = s.at_deadline == "promote" and (s.awaits or (w < 9000 and s.pb >= .1))
            if s.at_deadline == "promote" and (s.pb >= .5 or (s.log_e > 0 and s.p_fail >= .5)):
                return s.stop(t_s, "roll_back", "not_proven", "deadline", by="deadline")
            if s.at_deadline == "promote" and not person and s.alive():
                return s.stop(t_s, "promote", "not_proven", "deadline", by="deadline")
        if person:
            s.next = min(s.next, w)
            s.awaits = True
        if s.stalled >= max(2, math.ceil(4 * s.t99 / s.D - 1e-9)):
            s.next = min(w, s.least())
        if s.down:
            s.next = 0
        elif w == 0 and nb == 0:
            s.next = 0
        if s.t >= s.bake and s.next >= 9500 and not s.awaits and (s.pb < .05 or (s.p_fail < .05 and s.pb < .5)) and s.alive():
            return s.stop(t_s, "promote", "pass", "done")
        if mismatch:
            s.next = min(s.next, w)
        s.last = s.answer(t_s, "")
        s.w = s.next
        return s.last

    def stop(s, t_s, decision, verdict, why, by=None):
        s.end, s.next = decision, 0 if decision == "roll_back" else 10000
        s.last = s.answer(t_s, why, decision, verdict, by)
        return s.last

    def answer(s, t_s, why, decision=None, verdict=None, by=None):
        ended = decision is not None
        decision = decision or ("advance" if s.next > s.w else "hold" if s.next == s.w else "limit")
        a = {"deployment": None, "t_s": t_s, "decision": decision, "weight": s.next / 1e4, "confidence": 1 - s.p_fail, "log_e": s.log_e, "p_fail": s.p_fail,
             "requests_needed": None if ended else s.requests_needed(s.next if 0 < s.next < 10000 else s.w), "verdict": verdict, "reason": why}
        if by:
            a["by"] = by
        if ended:
            return a
        if s.fuse and s.planned and not s.disproved and s.n is not None and s.next > 0:
            e = s.n * s.next / 1e4 * s.metrics[0].F.p()
            a["fuse"] = math.ceil(e + 4 * math.sqrt(e + 1) + 5)
        return a


def main():
    classic.Rollout = Rollout
    decide = classic.Decide()
    for text in sys.stdin:
        a = decide.handle(text)
        if a is not None:
            print(json.dumps(a, separators=(",", ":")), flush=True)


if __name__ == "__main__":
    main()
