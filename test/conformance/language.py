"""Cases without numbers: what is accepted, what is rejected with which finding where, the types of
expressions, and the limits at N-1, N and N+1. Written by hand or spelled out from lists here."""

import itertools

UNARY = ["exp", "log", "log1p", "expm1", "sqrt", "abs", "sign", "square", "tanh", "sigmoid",
         "softplus", "logsigmoid", "log1mexp", "relu", "detach"]  # fmt: skip
PAIR_REDUCTIONS = ["batch_sum", "batch_mean", "batch_var", "batch_std", "batch_min", "batch_max"]
TOKEN_REDUCTIONS = ["token_sum", "token_mean", "token_count"]
ARITY = {f: 1 for f in UNARY + PAIR_REDUCTIONS + TOKEN_REDUCTIONS + ["batch_sort"]}
ARITY |= {"min": 2, "max": 2, "batch_quantile": 2, "where": 3, "clamp": 3}
ARITHMETIC = ["+", "-", "*", "/"]
COMPARISONS = ["<", "<=", ">", ">=", "==", "!="]
PAIR_INPUTS = ["policy_chosen_logps", "policy_rejected_logps", "reference_chosen_logps",
               "reference_rejected_logps", "chosen_length", "rejected_length"]  # fmt: skip
SIDES = ("chosen", "rejected")
TOKEN_INPUTS = [f"{m}_{s}_token_logps" for m in ("policy", "reference") for s in SIDES]
TOKEN_INPUTS += [f"{s}_token_{what}" for what in ("index", "kl") for s in SIDES]
INPUTS = PAIR_INPUTS + TOKEN_INPUTS + ["batch_size", "progress"]
X, Y = "policy_chosen_token_logps", "policy_rejected_token_logps"
LOSS = "loss = softplus(-margin);"


def objective(items, name="o"):
    return f"objective {name} {{ {items} }}"


# --- Accepted. ---

ACCEPTED = [
    "loss = -margin;",
    "loss = batch_mean(softplus(-margin));",
    "loss = ((((margin))));",
    "loss = - - -margin;",
    "loss = 2 ^ 3 ^ 0.5 * margin;",
    "loss = margin ^ 2;",
    "loss = margin ^ -2;",
    "loss = margin ^ (1 / 2);",
    "loss = margin ^ detach(margin);",
    "loss = where(not (margin > 1 and margin < 2) or margin == 5, margin, -margin);",
    "loss = where(1 < 2, margin, -margin);",
    "loss = 1e-3 * margin + 0.5 - 1E2 - 1e+2;",
    "param beta = 0.1; loss = beta * margin;",
    "param beta = 0.1 in [0, 1]; loss = beta * margin;",
    "param beta = 0 in [0, 1]; loss = margin + beta;",
    "param beta = 1 in [0, 1]; loss = margin + beta;",
    "param beta = 0.5 in (0, 1); loss = margin + beta;",
    "param beta = 0.5 in [1e-3, 1) log; loss = margin + beta;",
    "param beta = -0.5 in [-1, -1e-3]; loss = margin + beta;",
    "param beta = 0.5 in [1e-3, 10] log; loss = margin * beta;",
    "param in_ = 1; loss = in_ * margin;",
    "let chosen = margin; let rejected = -chosen; loss = chosen - 2 * rejected;",
    "let margin = chosen_ratio; loss = margin;",
    "let chosen_ratio = policy_chosen_logps / chosen_length; loss = chosen_ratio - rejected_ratio;",
    "fn f(x) = x * x; loss = f(margin);",
    "fn f(x, y) = x * y; loss = f(margin, 2);",
    "fn f(x) = 2 * x; fn g(x) = f(f(x)); loss = g(margin);",
    "fn f(margin) = margin; loss = f(-margin);",
    "fn f(x) = batch_mean(x); loss = margin * f(margin);",
    f"fn f(x) = x * x; loss = f(margin) + token_sum(f({X})) + f(batch_mean(margin));",
    "let beta = 2; fn f(x) = beta * x; loss = f(margin);",
    "reward chosen = chosen_ratio; reward rejected = rejected_ratio; loss = -margin;",
    "reward chosen = 1; reward rejected = margin; loss = -margin;",
    # Metrics: names of their own, any extent but a token's, before or after the loss (SPEC I6).
    "metric m = margin; loss = -margin;",
    "metric m = batch_mean(margin); metric n = 1; loss = -margin;",
    "metric margin = margin; loss = -margin;",
    "metric loss_like = where(margin > 0, 1, 0); loss = -margin;",
    "loss = -margin; metric m = margin;",
    "column weight; loss = weight * margin;",
    "column weight = 1; loss = weight * margin;",
    "column weight = -0.5; loss = weight * margin;",
    "column a; column b = 2; loss = (a + b) * margin;",
    "state q = 0; next q = 0.5 * q; loss = margin - q;",
    "state q = 0; loss = margin - q; next q = batch_mean(margin);",
    "param beta = 2; state q = beta / 2 + 1; next q = q; loss = q * margin;",
    "state p = 0; state q = 1; next p = q; next q = p; loss = (p + q) * margin;",
    "state q = 0; next q = batch_sum(batch_sort(margin)) + q; loss = margin - q;",
    "state q = 0; next q = progress; loss = margin * q + margin;",
    "loss = margin * progress;",
    f"loss = token_sum({X}) - token_sum({Y});",
    f"loss = token_mean({X} * margin);",
    f"loss = token_sum(where({X} < -1, {X}, -1));",
    f"loss = token_sum({X} * chosen_token_index);",
    f"loss = batch_std(token_mean({X} - reference_chosen_token_logps)) + margin;",
    f"loss = margin + token_count({X});",
    "loss = token_sum(chosen_token_kl) - token_sum(rejected_token_kl);",
    "loss = batch_quantile(margin, 0.5) - margin;",
    "param q = 0.5 in [0, 1]; loss = batch_quantile(margin, q) + margin;",
    "loss = batch_sort(chosen_ratio) - batch_sort(rejected_ratio);",
    "loss = margin * batch_max(margin) - batch_min(margin);",
    "// before\nloss = margin; // after\n",
    "\n\tloss\n=\nmargin\n;\n",
    "loss = margin; // \u00e9 in a comment\n",
]


def accepted():
    for i, items in enumerate(ACCEPTED):
        yield {"name": f"written-{i}", "text": objective(items)}
    for name in PAIR_INPUTS:
        yield {"name": f"input-{name}", "text": objective(f"loss = margin * {name};")}
    for name in TOKEN_INPUTS:
        yield {"name": f"input-{name}", "text": objective(f"loss = margin * token_sum({name});")}
    for f in UNARY:
        yield {"name": f"{f}-of-pair", "text": objective(f"loss = margin * {f}(margin);")}
        yield {"name": f"{f}-of-token", "text": objective(f"loss = token_sum({X} * {f}({X}));")}
    for op in COMPARISONS:
        loss = f"loss = where(margin {op} 0, margin, 2 * margin);"
        yield {"name": f"compare{op}", "text": objective(loss)}
    # Words of other languages are ordinary names here.
    for word in ("if", "for", "while", "return_", "int", "float", "auto", "class", "def", "lambda",
                 "None", "self", "tensor", "inf", "nan", "true", "false", "x1", "_x",
                 "a" * 64):  # fmt: skip
        loss = f"let {word} = margin; loss = {word};"
        yield {"name": f"name-{word[:9]}", "text": objective(loss)}


# --- Rejected: `@@` stands before the place of the finding. ---

REJECTED = [
    ("UndeclaredName", "loss = @@foo;"),
    ("UndeclaredName", "loss = margin + @@beta;"),
    ("UndeclaredName", "let a = @@b; let b = margin; loss = a;"),
    ("UndeclaredName", "let a = 2 * @@a; loss = margin;"),
    ("UndeclaredName", "fn f(x) = x * @@y; let y = 2; loss = f(margin);"),
    ("UndeclaredName", "fn f(x) = x; loss = f(margin) + @@x;"),
    ("UndeclaredName", "metric m = margin; loss = @@m;"),
    ("UndeclaredName", "next @@q = 0; loss = margin;"),
    ("UndeclaredName", "next @@q = 0; state q = 0; loss = margin - q;"),
    ("UndeclaredFunction", "loss = @@foo(margin);"),
    ("UndeclaredFunction", "fn f(x) = @@f(x); loss = f(margin);"),
    ("UndeclaredFunction", "fn f(x) = @@g(x); fn g(x) = x; loss = f(margin);"),
    ("NotAFunction", "loss = @@margin(2);"),
    ("NotAFunction", "loss = margin + @@exp;"),
    ("NotAFunction", "fn f(x) = x; loss = margin + @@f;"),
    ("NotAFunction", "let a = 2; loss = @@a(margin);"),
    ("DuplicateName", "let a = margin; let @@a = 2; loss = a;"),
    ("DuplicateName", "param a = 1; let @@a = 2; loss = a * margin;"),
    ("DuplicateName", "let a = 1; fn @@a(x) = x; loss = a * margin;"),
    ("DuplicateName", "param a = 1; param @@a = 1; loss = a * margin;"),
    ("DuplicateName", "column a; let @@a = 1; loss = a * margin;"),
    ("DuplicateName", "column a; column @@a; loss = a * margin;"),
    ("DuplicateName", "state a = 0; next a = 0; let @@a = 1; loss = a * margin;"),
    ("DuplicateName", "state a = 0; next a = 0; next @@a = 1; loss = a * margin;"),
    ("DuplicateName", "metric m = 1; metric @@m = 2; loss = margin;"),
    ("DuplicateName", "loss = margin; @@loss = margin;"),
    ("DuplicateName", "fn f(x, @@x) = x; loss = f(margin, 1);"),
    ("DuplicateName",
     "reward chosen = 1; reward @@chosen = 2; reward rejected = 1; loss = margin;"),  # fmt: skip
    ("MissingNext", "state @@q = 0; loss = margin - q;"),
    ("NotConstant", "state q = @@batch_size; next q = 0; loss = margin - q;"),
    ("NotConstant", "state q = @@batch_mean(margin); next q = 0; loss = margin - q;"),
    ("NotConstant", "state p = 0; state q = @@p; next p = 0; next q = 0; loss = margin - q - p;"),
    ("NotConstant", "loss = batch_quantile(margin, @@progress);"),
    ("NotConstant", "loss = batch_quantile(margin, @@batch_mean(margin));"),
    ("ConstantOutOfRange", "loss = batch_quantile(margin, @@1.5) + margin;"),
    ("ConstantOutOfRange", "loss = batch_quantile(margin, @@-0.5) + margin;"),
    ("WrongExtent", "state q = 0; next q = @@margin; loss = margin - q;"),
    ("InvalidReward", "reward @@chosen = 1; loss = margin;"),
    ("InvalidReward", "reward @@rejected = 1; loss = margin;"),
    ("InvalidReward", "reward @@winner = 1; loss = margin;"),
    ("InvalidParameter", "param a = @@2 in [0, 1]; loss = a * margin;"),
    ("InvalidParameter", "param a = @@0 in (0, 1]; loss = a * margin;"),
    ("InvalidParameter", "param a = @@1 in [0, 1); loss = a * margin;"),
    ("ChainedComparison", "loss = where(@@0 < margin < 1, margin, -margin);"),
    ("ChainedComparison", "loss = where(@@0 == margin == 1, margin, -margin);"),
    ("DeadLoss", "loss = @@1;"),
    ("DeadLoss", "loss = @@detach(margin);"),
    ("DeadLoss", "loss = @@reference_chosen_logps;"),
    ("DeadLoss", "loss = @@0 * margin;"),
    ("DeadLoss", "loss = @@margin - margin;"),
    ("DeadLoss", "loss = @@sign(margin);"),
    ("DeadLoss", "loss = @@where(margin > 0, 1, 2);"),
    ("DeadLoss", "column w; loss = @@w * 2;"),
    ("DeadLoss", "state q = 0; next q = batch_mean(margin); loss = @@q + 1;"),
    ("KindMismatch", "loss = @@margin < 0;"),
    ("KindMismatch", "metric m = @@margin < 0; loss = margin;"),
    ("KindMismatch", "loss = where(@@margin, 1, 2) * margin;"),
    ("KindMismatch", "loss = where(margin > 0, @@margin < 1, margin);"),
    ("KindMismatch", "loss = where(margin > 0, margin, @@margin < 1);"),
    ("KindMismatch", "loss = exp(@@margin < 0);"),
    ("KindMismatch", "loss = -@@(margin < 0);"),
    ("KindMismatch", "loss = where(not @@margin, margin, 1);"),
    ("KindMismatch", "loss = where(margin > 0 and @@margin, margin, 1);"),
    ("KindMismatch", "loss = where(@@margin or margin > 0, margin, 1);"),
    ("KindMismatch", "loss = batch_sum(@@margin < 0) * margin;"),
    ("KindMismatch", "state q = @@1 < 2; next q = 0; loss = margin - q;"),
    ("KindMismatch", "state q = 0; next q = @@q < 2; loss = margin - q;"),
    ("ExponentGradient", "loss = 2 ^ @@margin;"),
    ("ExponentGradient", "loss = margin ^ @@margin;"),
    ("ExponentGradient", "loss = margin ^ @@batch_mean(margin);"),
    ("NonFiniteConstant", "loss = margin * @@(1 / 0);"),
    ("NonFiniteConstant", "loss = margin * @@log(0);"),
    ("NonFiniteConstant", "loss = margin * @@exp(100);"),
    ("NonFiniteConstant", "loss = margin * @@sqrt(-1);"),
    ("DuplicateName", "let f = 1; fn @@f(x) = x; loss = f * margin;"),
    ("SecondObjective", "loss = margin; } objective @@p { loss = margin;"),
    ("MalformedNumber", "loss = @@.5 * margin;"),
    ("MalformedNumber", "loss = @@5. * margin;"),
    ("MalformedNumber", "loss = @@1_000 * margin;"),
    ("MalformedNumber", "loss = @@0x10 * margin;"),
    ("NumberOutOfRange", "loss = @@1e39 * margin;"),
    ("NumberOutOfRange", "loss = @@1e-39 * margin;"),
    ("NumberOutOfRange", "loss = @@1e999 * margin;"),
    ("MissingSemicolon", "let a = margin@@ loss = a;"),
    ("MissingSemicolon", "loss = margin@@"),
    ("ForeignSpelling", "loss = margin @@** 2;"),
    ("ForeignSpelling", "loss = where(margin > 0 @@&& margin < 1, margin, 1);"),
    ("ForeignSpelling", "loss = where(margin > 0 @@|| margin < 1, margin, 1);"),
    ("ForeignSpelling", "loss = where(@@!(margin > 0), margin, 1);"),
    ("ForeignSpelling", "loss = @@torch.exp(margin);"),
    ("ForeignSpelling", "loss = @@F.logsigmoid(margin);"),
    ("ForeignSpelling", "@@return margin;"),
    ("UnexpectedCharacter", "loss = margin @@$ 2;"),
    ("UnexpectedCharacter", "loss = @@`margin`;"),
    ("UnexpectedToken", "loss = margin +@@;"),
    ("UnexpectedToken", "loss = @@* margin;"),
    ("UnexpectedToken", "let @@= margin; loss = margin;"),
    ("UnexpectedToken", "loss = exp(margin@@;"),
    ("UnexpectedToken", "loss = (margin@@;"),
    ("UnexpectedToken", "let @@let = margin; loss = margin;"),
    ("UnexpectedToken", "param a = @@margin; loss = a * margin;"),
    ("UnexpectedToken", "fn f(@@) = 1; loss = margin;"),
    ("UnexpectedToken", "loss @@margin;"),
    ("NonAscii", "let m = m@@\u0430rgin; loss = m;"),
    ("NonAscii", "loss = margin @@\u2212 1;"),
    ("HiddenCharacter", "loss = margin; // @@\u202e\n"),
    ("HiddenCharacter", "loss = margin; // @@\u200b\n"),
    ("MixedSides", f"loss = token_sum(@@{X} - {Y});"),
    ("MixedSides", f"loss = token_sum(@@max({X}, {Y}));"),
    ("MixedSides", f"loss = token_sum(@@{X} * rejected_token_index);"),
    ("MixedSides", f"loss = token_sum(where(@@{X} > {Y}, margin, 1));"),
    ("WrongExtent", f"loss = @@{X};"),
    ("WrongExtent", f"metric m = @@{X}; loss = margin;"),
    ("WrongExtent", f"reward chosen = @@{X}; reward rejected = 1; loss = margin;"),
    ("WrongExtent", f"state q = 0; next q = @@{X}; loss = margin - q;"),
]  # fmt: skip


def rejected():
    for i, (kind, items) in enumerate(REJECTED):
        yield rejection(f"written-{i}", kind, objective(items))
    yield rejection("no-loss", "MissingLoss", "objective @@o { let a = margin; }")
    yield rejection("nothing", "MissingLoss", "objective @@o { }")
    yield rejection("token-twice", "WrongExtent", objective(f"loss = @@token_sum(token_sum({X}));"))
    for f, arity in ARITY.items():
        for count in {0, arity - 1, arity + 1} - {arity}:
            args = ", ".join(["margin"] * count)
            text = objective(f"loss = margin + @@{f}({args});")
            yield rejection(f"arity-{f}-{count}", "WrongArity", text)
        yield rejection(f"redefined-{f}", "ReservedName", objective(f"let @@{f} = 1; {LOSS}"))
        yield rejection(f"fn-{f}", "ReservedName", objective(f"fn @@{f}(x) = x; {LOSS}"))
        yield rejection(f"uncalled-{f}", "NotAFunction", objective(f"loss = margin * @@{f};"))
    for name in INPUTS:
        for item in (f"let @@{name} = 1;", f"param @@{name} = 1;", f"column @@{name};",
                     f"fn @@{name}(x) = x;", f"state @@{name} = 1; next {name} = 1;"):  # fmt: skip
            word = item.split()[0]
            yield rejection(f"{word}-{name}", "ReservedName", objective(f"{item} {LOSS}"))
    for word in ("param", "let", "fn", "loss", "reward", "metric", "column", "state", "next", "use",
                 "in", "as", "and", "or", "not", "objective"):  # fmt: skip
        text = objective(f"let @@{word} = 1; {LOSS}")
        yield rejection(f"keyword-{word}", "UnexpectedToken", text)
    for f in PAIR_REDUCTIONS + ["batch_sort"]:
        text = objective(f"loss = margin * @@{f}(2 * batch_size);")
        yield rejection(f"{f}-of-batch", "ReductionOfBatch", text)
        yield rejection(f"{f}-of-token", "WrongExtent", objective(f"loss = margin * @@{f}({X});"))
    for f, of in itertools.product(TOKEN_REDUCTIONS, ("margin", "batch_size", "2")):
        yield rejection(f"{f}-of-{of}", "WrongExtent", objective(f"loss = margin * @@{f}({of});"))
    for op in ARITHMETIC:
        text = objective(f"loss = @@(margin < 0) {op} margin;")
        yield rejection(f"truth-{op}-real", "KindMismatch", text)
        text = objective(f"loss = margin {op} @@(margin < 0);")
        yield rejection(f"real-{op}-truth", "KindMismatch", text)
    for op in COMPARISONS:
        text = objective(f"loss = where(@@(margin < 0) {op} margin, margin, 1);")
        yield rejection(f"truth-{op}", "KindMismatch", text)
    for foreign in ("log_sigmoid", "mean", "clip", "ln", "stop_gradient", "softmax"):
        text = objective(f"loss = @@{foreign}(margin);")
        yield rejection(f"foreign-{foreign}", "UndeclaredFunction", text)
    for foreign in ("chosen_len", "chosen_logps", "ref_chosen_logps", "policy_logps", "pi"):
        text = objective(f"loss = margin * @@{foreign};")
        yield rejection(f"foreign-{foreign}", "UndeclaredName", text)


def rejection(name, kind, marked):
    begin = marked.index("@@")
    before = marked[:begin].encode()
    line = before.count(b"\n") + 1
    column = len(before) - (before.rfind(b"\n") + 1) + 1
    text = marked.replace("@@", "", 1)
    return {"name": name, "text": text, "id": kind, "line": line, "column": column}


# --- Types: what an expression is, by every way of writing it. ---

EXTENTS = ["batch", "pair", "chosen token", "rejected token"]
SAMPLES = {"batch": "batch_size", "pair": "margin", "chosen token": X, "rejected token": Y}
GRADIENTS = {"batch": False, "pair": True, "chosen token": True, "rejected token": True}


def types():
    for name in INPUTS:
        side = "chosen token" if name in TOKEN_INPUTS and "chosen" in name else "rejected token"
        numbers = "batch" if name in ("batch_size", "progress") else "pair"
        extent = side if name in TOKEN_INPUTS else numbers
        gradient = name.startswith("policy_") or name.endswith("_kl")
        yield typed(name, name, extent, "real", gradient)
    for f, extent in itertools.product(UNARY, EXTENTS):
        gradient = GRADIENTS[extent] and f not in ("sign", "detach")
        yield typed(f"{f}-{extent}", f"{f}({SAMPLES[extent]})", extent, "real", gradient)
    joined = [(a, b) for a, b in itertools.product(EXTENTS, EXTENTS) if {a, b} != set(EXTENTS[2:])]
    for a, b in joined:
        wide = max(a, b, key=EXTENTS.index)
        gradient = GRADIENTS[a] or GRADIENTS[b]
        for op in ARITHMETIC:
            text = f"{SAMPLES[a]} {op} 2 * {SAMPLES[b]}"
            yield typed(f"{a}{op}{b}", text, wide, "real", gradient)
        for f in ("min", "max"):
            text = f"{f}({SAMPLES[a]}, 2 * {SAMPLES[b]})"
            yield typed(f"{f}-{a}-{b}", text, wide, "real", gradient)
        for op in COMPARISONS:
            yield typed(f"{a}{op}{b}", f"{SAMPLES[a]} {op} 2 * {SAMPLES[b]}", wide, "truth", False)
    for f in PAIR_REDUCTIONS:
        yield typed(f, f"{f}(margin)", "batch", "real", True)
        yield typed(f"{f}-reference", f"{f}(reference_chosen_logps)", "batch", "real", False)
    yield typed("batch_sort", "batch_sort(margin)", "pair", "real", True)
    yield typed("batch_quantile", "batch_quantile(margin, 0.5)", "batch", "real", True)
    for f, sample in itertools.product(TOKEN_REDUCTIONS, (X, Y)):
        yield typed(f"{f}-{sample}", f"{f}({sample})", "pair", "real", f != "token_count")
    yield typed("power", "margin ^ 2", "pair", "real", True)
    yield typed("where-token", f"where({X} < 0, 1, 2)", "chosen token", "real", False)
    yield typed("where-pair", "where(margin < 0, 1, batch_size)", "pair", "real", False)


def typed(name, expression, extent, kind, gradient):
    """`expression` as a metric: through where(c, 1, 0) if it is a truth value, and through
    token_sum if it is of tokens, which are taken off again by the test."""
    text = f"where({expression}, 1, 0)" if kind == "truth" else expression
    text = f"token_sum({text})" if "token" in extent else text
    text = objective(f"loss = margin; metric m = {text};")
    return {"name": name, "text": text, "extent": extent, "kind": kind, "gradient": gradient}


# --- Limits: a text with `count` repetitions of its middle; `{i}` is the repetition's number. ---


def limits():
    def around(name, kind, limit, begin, middle, end, extra=0):
        """`extra`: how many of what is limited are there without a repetition."""
        for n in (limit - 1, limit, limit + 1):
            row = {"name": f"{name}-{n}", "parts": [begin, [middle, n - extra], end]}
            yield row | ({"id": kind} if n > limit else {})

    o, end = "objective o { ", " }"
    yield from around("bytes", "SourceTooLong", 16384, f"{o}{LOSS}{end}//", "x", "",
                      extra=len(f"{o}{LOSS}{end}//"))  # fmt: skip
    # `objective o { loss = margin * (1); }` has 12 tokens; `+ 0` is two more and no node.
    for n in (4095, 4096, 4097):
        sign = "-" * (n % 2)
        begin = f"{o}loss = {sign}margin * (1"
        row = {"name": f"tokens-{n}", "parts": [begin, [" + 0", (n - 12) // 2], ");" + end]}
        yield row | ({"id": "TooManyTokens"} if n > 4096 else {})
    for n in (63, 64, 65):
        parts = [o + "loss = ", ["(", n], "margin", [")", n], ";" + end]
        row = {"name": f"parentheses-{n}", "parts": parts}
        yield row | ({"id": "TooDeep"} if n > 64 else {})
    yield from around("minus-signs", "TooDeep", 64, o + "loss = ", "-", "margin;" + end)
    yield from around("lets", "TooManyBindings", 64, o, "let a{i} = margin; ", LOSS + end)
    yield from around("fns", "TooManyBindings", 64, o, "fn a{i}(x) = x; ", LOSS + end)
    yield from around("metrics", "TooManyBindings", 64, o, "metric a{i} = margin; ", LOSS + end)
    yield from around("parameters", "TooManyParameters", 32, o, "param a{i} = 1; ", LOSS + end)
    yield from around("columns", "TooManyColumns", 16, o, "column a{i}; ", LOSS + end)
    state = "state a{i} = 0; next a{i} = 1; "
    yield from around("states", "TooManyStates", 16, o, state, LOSS + end)
    yield from around("name", "NameTooLong", 64, o + "let ", "a", " = margin; " + LOSS + end)
    yield from around("objective-name", "NameTooLong", 64, "objective ", "a", " { " + LOSS + end)
    yield from around("parameter-name", "NameTooLong", 64, o + "param ", "a", " = 1; " + LOSS + end)
    yield from around("column-name", "NameTooLong", 64, o + "column ", "a", "; " + LOSS + end)
    yield from around("metric-name", "NameTooLong", 64, o + "metric ", "a", " = 1; " + LOSS + end)


TOPICS = {"accepted": accepted, "rejected": rejected, "types": types, "limits": limits}
