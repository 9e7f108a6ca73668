#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The products of ResNet-50 as a plain numpy simulation would run them: tiles of 128 x 128 in single precision, a normal
draw a sample, an 8-bit ADC. What a user writes in an afternoon; a peer to measure against. Prints JSON.

    numpy_peer.py [ROUNDS]
"""
import json
import os
import sys
import time

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
import numpy  # noqa: E402

SIDE = 128


def gemms():
    result, inputs, in_side = [(112 * 112, 147, 64)], 64, 56
    for stage, blocks in enumerate((3, 4, 6, 3)):
        width, side = 64 << stage, 56 >> stage
        for block in range(blocks):
            result += [(in_side**2, inputs, width), (side**2, 9 * width, width), (side**2, width, 4 * width)]
            if block == 0:
                result.append((side**2, inputs, 4 * width))
            inputs, in_side = 4 * width, side
    return result + [(1, 2048, 1000)]


def layer(x, weights, noise, random):
    total = numpy.zeros((x.shape[0], weights.shape[1]), numpy.float32)
    for col in range(0, weights.shape[1], SIDE):
        for row in range(0, weights.shape[0], SIDE):
            y = x[:, row:row + SIDE] @ weights[row:row + SIDE, col:col + SIDE]
            if noise:
                y += random.standard_normal(y.shape, numpy.float32) * numpy.sqrt(0.5 + 1e-3 * numpy.abs(y))
            numpy.clip(numpy.rint(y * 0.5), -128, 127, out=y)
            total[:, col:col + SIDE] += y * 2
    return total


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    random = numpy.random.default_rng(1)
    work = [(random.random((v, k), numpy.float32), random.random((k, c), numpy.float32) - 0.5) for v, k, c in gemms()]
    times = {"numpy": [], "numpy_noise": [], "numpy_sgemm": []}
    for turn in range(rounds + 1):
        for name, call in (
            ("numpy_sgemm", lambda x, w: x @ w),
            ("numpy", lambda x, w: layer(x, w, False, random)),
            ("numpy_noise", lambda x, w: layer(x, w, True, random)),
        ):
            start = time.process_time()
            for x, weights in work:
                call(x, weights)
            if turn:
                times[name].append(time.process_time() - start)
    middle = {name: sorted(values)[len(values) // 2] for name, values in times.items()}
    print(json.dumps({name: {"seconds": value, "to_sgemm": value / middle["numpy_sgemm"]} for name, value in middle.items()}))


main()
