"""PyTorch on the CPU as a peer, started by ./remote.ts; answers by ./protocol.ts, computes the works of ./works.ts."""

import base64
import json
import math
import sys
import time

import torch
import torch.nn.functional as F

CHECKED_STEPS = 2  # as in ./gpt.ts


def main():
    runner, model = None, None
    for line in sys.stdin:
        request = json.loads(line)
        try:
            value = None
            if request["call"] == "start":
                model = request["gpt"], {w["name"]: decode(w) for w in request["weights"]}
            elif request["call"] == "prepare":
                runner = prepare(request["work"], *model)
                value = runner is not None
            elif request["call"] == "results":
                value = [encode(result) for result in runner.results()]
            elif request["call"] == "sample":
                value = sample(runner, request["runs"])
            elif request["call"] == "release":
                runner = None
            answer = {"value": value}
        except Exception as error:
            answer = {"error": str(error)}
        print(json.dumps(answer), flush=True)


class Runner:
    """One work; `results` tells what it computes."""

    def __init__(self, run, results=None):
        self.run = run
        self.results = results or run


def sample(runner, runs):
    start = time.perf_counter()
    for _ in range(runs):
        runner.run()
    return {"ms": (time.perf_counter() - start) * 1000}


def prepare(work, gpt, weights):
    kind = work["kind"]
    if kind == "product":
        return product(work)
    if kind == "attention":
        return attention(work)
    if kind == "forward":
        texts = texts_of(work, gpt)
        return Runner(torch.inference_mode()(lambda: [loss_of(gpt, weights, *texts)]))
    if kind == "training":
        return training(work, gpt, weights)
    return None


def product(work):
    rows, inner, columns = work["rows"], work["inner"], work["columns"]
    a = numbers(1, (inner, rows)).T if work["transposeA"] else numbers(1, (rows, inner))
    b = numbers(2, (columns, inner)).T if work["transposeB"] else numbers(2, (inner, columns))
    return Runner(lambda: [a @ b])


def attention(work):
    """Over inputs that lie in memory as [B, T, H, D]."""
    shape = work["sequences"], work["length"], work["heads"], work["headSize"]
    q, k, v, upstream = (numbers(seed, shape) for seed in (1, 2, 3, 4))

    def forward():
        heads = (x.transpose(1, 2) for x in (q, k, v))
        return F.scaled_dot_product_attention(*heads, is_causal=True).transpose(1, 2)

    if not work["gradients"]:
        return Runner(lambda: [forward()])
    for x in (q, k, v):
        x.requires_grad_()
    return Runner(lambda: torch.autograd.grad(forward(), (q, k, v), upstream))


def training(work, gpt, weights):
    texts = texts_of(work, gpt)
    weights = {name: w.clone().requires_grad_() for name, w in weights.items()}
    optimizer = torch.optim.AdamW(
        weights.values(),
        lr=gpt["learningRate"],
        betas=(gpt["beta1"], gpt["beta2"]),
        eps=gpt["epsilon"],
        weight_decay=gpt["weightDecay"],
    )

    def step():
        optimizer.zero_grad()
        loss = loss_of(gpt, weights, *texts)
        loss.backward()
        optimizer.step()
        return loss

    return Runner(step, lambda: [step() for _ in range(CHECKED_STEPS)])


def loss_of(gpt, weights, inputs, targets):
    """Mean negative log-likelihood of `targets` [B, T] after `inputs` [B, T]."""
    (sequences, length), width, heads = inputs.shape, gpt["width"], gpt["heads"]

    def linear(name, x):
        return torch.addmm(weight(f"{name}.bias"), x, weight(f"{name}.weight"))

    def norm(name, x):
        scale, bias = weight(f"{name}.weight"), weight(f"{name}.bias")
        return F.layer_norm(x, (width,), scale, bias, gpt["normEpsilon"])

    def weight(name):
        return weights[f"transformer.{name}"]

    def split(x):
        return x.view(sequences, length, heads, width // heads).transpose(1, 2)

    table = weight("wte.weight")
    hidden = (F.embedding(inputs, table) + weight("wpe.weight")[:length]).view(-1, width)
    for layer in range(gpt["layers"]):
        name = f"h.{layer}"
        q, k, v = linear(f"{name}.attn.c_attn", norm(f"{name}.ln_1", hidden)).chunk(3, dim=-1)
        mixed = F.scaled_dot_product_attention(split(q), split(k), split(v), is_causal=True)
        rows = mixed.transpose(1, 2).reshape(-1, width)
        hidden = hidden + linear(f"{name}.attn.c_proj", rows)
        active = F.gelu(linear(f"{name}.mlp.c_fc", norm(f"{name}.ln_2", hidden)), approximate="tanh")
        hidden = hidden + linear(f"{name}.mlp.c_proj", active)
    return F.cross_entropy(norm("ln_f", hidden) @ table.T, targets.flatten())


def numbers(seed, shape):
    """As in ./works.ts."""
    i = torch.arange(math.prod(shape), dtype=torch.float64)
    return torch.sin(1.7 * i + 13 * seed).float().view(shape)


def texts_of(work, gpt):
    """As in ./gpt.ts: what is read, and the token after each place, [B, T] each."""
    sequences, length = work["sequences"], work["length"]
    i = torch.arange(1, sequences * (length + 1) + 1)
    ids = (i * 2654435761 % 2**32 % gpt["vocabulary"]).view(sequences, length + 1)
    return ids[:, :-1], ids[:, 1:]


def decode(encoded):
    data = torch.frombuffer(bytearray(base64.b64decode(encoded["data"])), dtype=torch.float32)
    return data.view(encoded["shape"])


def encode(result):
    return base64.b64encode(result.detach().contiguous().numpy().tobytes()).decode()


main()
