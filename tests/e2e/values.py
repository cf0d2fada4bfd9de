#!/usr/bin/env python3
"""Operators on strings, sequences and maps, and those of ai.onnx.ml, beside onnxruntime, on random models.

Every case is written as one of ONNX's test folders with onnxruntime's outputs, and `limner test` runs them all at once.
"""

from __future__ import annotations

import argparse
import pathlib
import shutil
import subprocess
import sys

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto as T
from onnx import helper, numpy_helper
from onnx_nodes import proto

ROOT = pathlib.Path(__file__).resolve().parents[2]
ML = "ai.onnx.ml"
TYPES = {np.dtype("float32"): T.FLOAT, np.dtype("float64"): T.DOUBLE, np.dtype("int64"): T.INT64, np.dtype("int32"): T.INT32,
         np.dtype("bool"): T.BOOL, np.dtype("O"): T.STRING, np.dtype("int16"): T.INT16, np.dtype("uint8"): T.UINT8}


class Cases:
    """Test folders below one folder."""

    def __init__(self, folder: pathlib.Path, seed: int) -> None:
        self.folder, self.random, self.count, self.refused = folder, np.random.default_rng(seed), 0, []
        shutil.rmtree(folder, ignore_errors=True)

    def add(self, name: str, nodes: list[onnx.NodeProto], inputs: dict, outputs: dict, opset: int = 20, ml: int = 3) -> None:
        """inputs: name -> array, or (type, value); outputs: name -> type, or element type."""
        declared = {k: v[0] if isinstance(v, tuple) else helper.make_tensor_type_proto(TYPES[v.dtype], [None] * v.ndim) for k, v in inputs.items()}
        values = {k: v[1] if isinstance(v, tuple) else v for k, v in inputs.items()}
        results = {k: v if isinstance(v, onnx.TypeProto) else helper.make_tensor_type_proto(v, None) for k, v in outputs.items()}
        graph = helper.make_graph(nodes, "g", [helper.make_value_info(k, v) for k, v in declared.items()],
                                  [helper.make_value_info(k, v) for k, v in results.items()])
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset), helper.make_opsetid(ML, ml), helper.make_opsetid("com.microsoft", 1)], ir_version=9)
        try:
            options = onnxruntime.SessionOptions()
            options.log_severity_level = 4
            wanted = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"]).run(None, values)
        except Exception as error:  # noqa: BLE001: whatever onnxruntime refuses
            self.refused.append(f"{name}: {str(error)[-200:]}")
            return
        data = self.folder / f"{self.count:03}-{name}" / "test_data_set_0"
        data.mkdir(parents=True)
        self.count += 1
        onnx.save(model, data.parent / "model.onnx")
        for kind, names, types in (("input", values, declared), ("output", dict(zip(results, wanted)), results)):
            for i, (key, value) in enumerate(names.items()):
                (data / f"{kind}_{i}.pb").write_bytes(proto(value, key, types[key]).SerializeToString())


def node(kind: str, inputs: list[str], outputs: list[str], domain: str = ML, **attributes) -> onnx.NodeProto:
    return helper.make_node(kind, inputs, outputs, domain=domain, **attributes)


TRANSFORMS = ["NONE", "SOFTMAX", "LOGISTIC", "SOFTMAX_ZERO", "PROBIT"]


def random_trees(random: np.random.Generator, trees: int, features: int, weights: str, targets: list[int], scale: tuple[float, float]) -> dict:
    """Attributes of trees with a few nodes each, of all kinds of comparisons."""
    lists: dict = {k: [] for k in ["treeids", "nodeids", "featureids", "modes", "values", "truenodeids", "falsenodeids", "missing_value_tracks_true"]}
    leaves: dict = {k: [] for k in ["treeids", "nodeids", "ids", "weights"]}

    def put(tree: int, depth: int) -> int:
        number = len([t for t in lists["treeids"] if t == tree])
        leaf = depth == 0 or random.random() < 0.2
        row = [tree, number, 0 if leaf else int(random.integers(features)), "LEAF" if leaf else str(random.choice(
            ["BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT", "BRANCH_EQ", "BRANCH_NEQ"])), float(np.float32(random.integers(-2, 3) / 2)), 0, 0, int(random.integers(2))]
        for key, value in zip(lists, row):
            lists[key].append(value)
        at = len(lists["treeids"]) - 1
        if leaf:
            for target in targets:
                for key, value in zip(leaves, [tree, number, target, float(np.float32(random.uniform(*scale)))]):
                    leaves[key].append(value)
        else:
            lists["truenodeids"][at] = put(tree, depth - 1)
            lists["falsenodeids"][at] = put(tree, depth - 1)
        return number

    for tree in range(trees):
        put(tree, 3)
    return {**{f"nodes_{k}": v for k, v in lists.items()}, **{f"{weights}_{k}": v for k, v in leaves.items()}}


def features(cases: Cases, rows: int = 7, columns: int = 5, dtype: str = "float32") -> np.ndarray:
    x = cases.random.integers(-4, 5, (rows, columns)) / 2
    return x.astype(dtype)


def add_trees(cases: Cases) -> None:
    for transform in TRANSFORMS:
        for classes, ids, scale in ((2, [0], (0, 0.3)), (2, [1], (0, 0.3)), (2, [0], (-1, 1)), (2, [1], (-1, 1)), (2, [0, 1], (-1, 1)), (4, [0, 1, 3], (-1, 1)), (3, [0, 1, 2], (0, 0.1))):
            for base in (None, "all"):
                scale = (scale[0] / 8, scale[1] / 8) if transform == "PROBIT" else scale
                x = features(cases)
                if classes == 2 and (base or transform == "PROBIT"):
                    continue  # onnxruntime gives what no text says
                if transform != "PROBIT":
                    x[0, :] = np.nan
                attributes = random_trees(cases.random, 3, x.shape[1], "class", ids, scale)
                if base:
                    attributes["base_values"] = [0.1 + 0.01 * i for i in range(classes)]
                labels = {"classlabels_int64s": [5 - i for i in range(classes)]} if cases.count % 2 else {"classlabels_strings": [f"c{i}" for i in range(classes)]}
                cases.add(f"classifier-{transform}-{classes}-{len(ids)}{ids[0]}-{scale[0] < 0}-{base}", [node("TreeEnsembleClassifier", ["x"], ["y", "z"], post_transform=transform, **attributes, **labels)],
                          {"x": x}, {"z": T.FLOAT} if len(ids) == 2 else {"y": T.INT64 if "classlabels_int64s" in labels else T.STRING, "z": T.FLOAT}, ml=1)
    for aggregate in ["AVERAGE", "SUM", "MIN", "MAX"]:
        for targets in (1, 3):
            for transform in TRANSFORMS if targets > 1 else ["NONE", "PROBIT"]:
                for dtype in ("float32", "float64"):
                    x = features(cases, dtype=dtype)
                    attributes = random_trees(cases.random, 3, x.shape[1], "target", list(range(targets)), (0.05, 0.1))
                    cases.add(f"regressor-{aggregate}-{targets}-{transform}-{dtype}", [node("TreeEnsembleRegressor", ["x"], ["y"], post_transform=transform, aggregate_function=aggregate,
                              n_targets=targets, base_values=[0.231 + i / 10 for i in range(targets)], **attributes)], {"x": x}, {"y": T.FLOAT}, ml=1)


def coefficients(cases: Cases, count: int) -> list[float]:
    return [float(np.float32(v)) for v in cases.random.uniform(-1, 1, count)]


def add_linear(cases: Cases) -> None:
    for transform in TRANSFORMS:
        for classes, scores in ((2, 1), (2, 2), (4, 4)):
            for strings in (False, True):
                x = features(cases)
                a = {"coefficients": coefficients(cases, scores * 5), "intercepts": coefficients(cases, scores), "post_transform": transform}
                a["classlabels_strings" if strings else "classlabels_ints"] = ["a", "bb", "c", "d"][:classes] if strings else [3, 1, 7, -2][:classes]
                if transform == "PROBIT":
                    a["coefficients"], a["intercepts"] = [c / 100 for c in a["coefficients"]], [0.4 + i / 30 for i in range(scores)]
                if transform != "PROBIT" or scores > 1:
                    cases.add(f"linear-{transform}-{classes}-{scores}", [node("LinearClassifier", ["x"], ["y", "z"], **a)], {"x": x}, {"y": T.STRING if strings else T.INT64, "z": T.FLOAT})
        x = features(cases)
        a = {"coefficients": [c / 100 for c in coefficients(cases, 15)], "intercepts": [0.4, 0.5123, 0.6], "targets": 3, "post_transform": transform}
        cases.add(f"linear-regressor-{transform}", [node("LinearRegressor", ["x"], ["y"], **a)], {"x": x}, {"y": T.FLOAT})
    for scores, features_wanted in ((1, 5), (4, 5), (3, 2)):  # more coefficients than are needed: the first ones count
        x = features(cases, columns=features_wanted)
        a = {"coefficients": coefficients(cases, scores * 8), "intercepts": coefficients(cases, scores)}
        cases.add(f"linear-more-{scores}", [node("LinearClassifier", ["x"], ["y", "z"], classlabels_ints=list(range(max(scores, 2))), **a)], {"x": x}, {"y": T.INT64, "z": T.FLOAT})
        a["coefficients"].append(0.5)
        cases.add(f"linear-regressor-more-{scores}", [node("LinearRegressor", ["x"], ["y"], targets=scores, **a)], {"x": x}, {"y": T.FLOAT})
    cases.add("linear-regressor", [node("LinearRegressor", ["x"], ["y"], coefficients=coefficients(cases, 5), intercepts=[0.5])], {"x": features(cases)}, {"y": T.FLOAT})


def add_svm(cases: Cases) -> None:
    for kernel, params in (("LINEAR", [0.0, 0.0, 0.0]), ("POLY", [0.1, 0.5, 3.0]), ("RBF", [0.2, 0.0, 0.0]), ("SIGMOID", [0.1, 0.2, 0.0])):
        kernels = {"kernel_type": kernel, "kernel_params": params}
        for one_class in (0, 1):
            cases.add(f"svr-{kernel}-{one_class}", [node("SVMRegressor", ["x"], ["y"], coefficients=coefficients(cases, 6), support_vectors=coefficients(cases, 30), n_supports=6, rho=[0.1], one_class=one_class, **kernels)],
                      {"x": features(cases)}, {"y": T.FLOAT})
        for transform in TRANSFORMS[:4]:
            for per_class in ([2, 3], [3, 2, 4], [1, 2, 3, 2]):
                for probabilities in (False, True):
                    n, vectors = len(per_class), sum(per_class)
                    pairs = n * (n - 1) // 2
                    a = {"coefficients": coefficients(cases, (n - 1) * vectors), "support_vectors": coefficients(cases, vectors * 5), "vectors_per_class": per_class, "rho": coefficients(cases, pairs),
                         "classlabels_ints": list(range(n)), "post_transform": transform, **kernels}
                    if probabilities:
                        a["prob_a"], a["prob_b"] = [-1 - abs(c) for c in coefficients(cases, pairs)], coefficients(cases, pairs)
                    cases.add(f"svc-{kernel}-{transform}-{n}-{probabilities}", [node("SVMClassifier", ["x"], ["y", "z"], **a)], {"x": features(cases)}, {"y": T.INT64, "z": T.FLOAT})
        a = {"coefficients": coefficients(cases, 15), "rho": [0.25], "classlabels_strings": ["a", "b", "c"], **kernels}
        cases.add(f"svc-linear-{kernel}", [node("SVMClassifier", ["x"], ["y", "z"], **a)], {"x": features(cases)}, {"y": T.STRING, "z": T.FLOAT})


def add_encoders(cases: Cases) -> None:
    words, numbers, reals = ["a", "b", "", "ä", "zz"], [5, -3, 0, 9, 1 << 40], [0.5, float("nan"), -1.0, 2.0, 3.25]
    lists = {"strings": (words, T.STRING, np.array(["a", "zz", "x", "", "ä"], dtype=object)), "int64s": (numbers, T.INT64, np.array([[5, 0], [7, 1 << 40]], np.int64)),
             "floats": (reals, T.FLOAT, np.array([0.5, np.nan, 7, -1], np.float32))}
    for key, (keys, _, x) in lists.items():
        for value, (values, to, _) in lists.items():
            a = {f"keys_{key}": keys, f"values_{value}": values[::-1]}
            if value == "strings":
                a["default_string"] = "nothing"
            cases.add(f"labels-{key}-{value}", [node("LabelEncoder", ["x"], ["y"], **a)], {"x": x}, {"y": to}, ml=2)
    cases.add("labels-tensor", [node("LabelEncoder", ["x"], ["y"], keys_tensor=numpy_helper.from_array(np.array([1.5, 2.5, np.nan])), values_tensor=numpy_helper.from_array(np.array([7, 8, 9], np.int64)),
              default_tensor=numpy_helper.from_array(np.array([-5], np.int64)))], {"x": np.array([2.5, np.nan, 0, 1.5])}, {"y": T.INT64}, ml=4)
    cases.add("labels-1", [node("LabelEncoder", ["x"], ["y"], classes_strings=words)], {"x": lists["strings"][2]}, {"y": T.INT64}, ml=1)
    cases.add("labels-1-back", [node("LabelEncoder", ["x"], ["y"], classes_strings=words)], {"x": np.array([4, 0, 9, -1], np.int64)}, {"y": T.STRING}, ml=1)
    for x, to in ((lists["strings"][2], T.INT64), (lists["int64s"][2], T.STRING)):
        cases.add("mapper", [node("CategoryMapper", ["x"], ["y"], cats_strings=words, cats_int64s=numbers, default_int64=77)], {"x": x}, {"y": to})
    for x, a in ((lists["strings"][2], {"cats_strings": words}), (lists["int64s"][2], {"cats_int64s": numbers}), (np.array([[5.0, 0.3, 7.5]], np.float32), {"cats_int64s": numbers})):
        cases.add("one-hot", [node("OneHotEncoder", ["x"], ["y"], zeros=1, **a)], {"x": x}, {"y": T.FLOAT})


def add_scalers(cases: Cases) -> None:
    for dtype in ("float32", "float64", "int64", "int32"):
        x = features(cases, dtype=dtype)
        kind = TYPES[x.dtype]
        cases.add(f"binarizer-{dtype}", [node("Binarizer", ["x"], ["y"], threshold=0.75)], {"x": x}, {"y": kind})
        a = {"imputed_value_floats": coefficients(cases, 5), "replaced_value_float": 0.5} if "float" in dtype else {"imputed_value_int64s": [1, 2, 3, 4, 5], "replaced_value_int64": -1}
        cases.add(f"imputer-{dtype}", [node("Imputer", ["x"], ["y"], **a)], {"x": x}, {"y": kind})
        for norm in ("MAX", "L1", "L2"):
            cases.add(f"normalizer-{norm}-{dtype}", [node("Normalizer", ["x"], ["y"], norm=norm)], {"x": x}, {"y": T.FLOAT})
        for count in (1, 5):
            cases.add(f"scaler-{count}-{dtype}", [node("Scaler", ["x"], ["y"], scale=coefficients(cases, count), offset=coefficients(cases, count))], {"x": x}, {"y": T.FLOAT})
        cases.add(f"vectorizer-{dtype}", [node("FeatureVectorizer", ["x", "x2"], ["y"], inputdimensions=[5, 3])], {"x": x, "x2": features(cases, columns=3, dtype=dtype)}, {"y": T.FLOAT})
        deep = features(cases, columns=12, dtype=dtype).reshape(7, 3, 4)
        cases.add(f"vectorizer-deep-{dtype}", [node("FeatureVectorizer", ["x", "x2"], ["y"], inputdimensions=[5, 14])], {"x": x, "x2": deep}, {"y": T.FLOAT})
        cases.add(f"vectorizer-one-{dtype}", [node("FeatureVectorizer", ["x", "x2"], ["y"], inputdimensions=[5, 2])], {"x": x[0], "x2": deep[:1]}, {"y": T.FLOAT})
        cases.add(f"extractor-{dtype}", [node("ArrayFeatureExtractor", ["x", "i"], ["y"])], {"x": x, "i": np.array([4, 0, 0], np.int64)}, {"y": kind})
    x = features(cases)
    x[2, 1] = np.nan
    cases.add("imputer-nan", [node("Imputer", ["x"], ["y"], imputed_value_floats=[3.5], replaced_value_float=float("nan"))], {"x": x}, {"y": T.FLOAT})


def add_maps(cases: Cases) -> None:
    def map_type(key: int, value: int) -> onnx.TypeProto:
        return helper.make_map_type_proto(key, helper.make_tensor_type_proto(value, []))

    for keys, key in (([1, 3, 5], T.INT64), (["a", "b", "c"], T.STRING)):
        labels = {"classlabels_int64s" if key == T.INT64 else "classlabels_strings": keys}
        cases.add("zip", [node("ZipMap", ["x"], ["y"], **labels)], {"x": features(cases, columns=3)}, {"y": helper.make_sequence_type_proto(map_type(key, T.FLOAT))})
        mixed = {next(iter(labels)): [keys[i] for i in (2, 0, 1)]}
        cases.add("zip-mixed", [node("ZipMap", ["x"], ["y"], **mixed)], {"x": features(cases, columns=3)}, {"y": helper.make_sequence_type_proto(map_type(key, T.FLOAT))})
        words = {"int64_vocabulary" if key == T.INT64 else "string_vocabulary": keys[::-1] + [keys[0]]}
        for value, to in ((0.5, T.FLOAT), (0.25, T.DOUBLE), (7, T.INT64), ("text", T.STRING)):
            given = {keys[0]: value, keys[2]: value}
            cases.add("dictionary", [node("DictVectorizer", ["x"], ["y"], **words)], {"x": (map_type(key, to), given)}, {"y": to})
    for value, kind in (([0.5, 2.0, -1.0], T.FLOAT), (["1.5", "2", "-3"], T.STRING)):
        for form in ("DENSE", "SPARSE"):
            for cast, to in (("TO_FLOAT", T.FLOAT), ("TO_INT64", T.INT64), ("TO_STRING", T.STRING)):
                cases.add(f"cast-mixed-{form}-{cast}", [node("CastMap", ["x"], ["y"], cast_to=cast, map_form=form, max_map=6)],
                          {"x": (map_type(T.INT64, kind), {5: value[2], 0: value[0], 2: value[1]})}, {"y": to})
                cases.add(f"cast-map-{form}-{cast}", [node("CastMap", ["x"], ["y"], cast_to=cast, map_form=form, max_map=6)],
                          {"x": (map_type(T.INT64, kind), {0: value[0], 2: value[1], 5: value[2]})}, {"y": to})


def words(cases: Cases, *shape: int) -> np.ndarray:
    some = ["", "a", "Bc", "ä Ö", "x,y,,z", "  two  words ", "12", "-3.5", "日本", "aXbX"]
    return np.array([some[i] for i in cases.random.integers(0, len(some), int(np.prod(shape)))], dtype=object).reshape(shape)


def add_strings(cases: Cases) -> None:
    def plain(kind: str, inputs: list[str], outputs: list[str], **a) -> onnx.NodeProto:
        return node(kind, inputs, outputs, "", **a)

    cases.add("concat", [plain("StringConcat", ["x", "y"], ["z"])], {"x": words(cases, 3, 1, 4), "y": words(cases, 2, 1)}, {"z": T.STRING})
    for a in ({}, {"delimiter": ","}, {"delimiter": "X", "maxsplit": 1}, {"delimiter": "", "maxsplit": 2}, {"maxsplit": 1}):
        x = words(cases, 3, 5)
        x[x == ""] = "a"  # of which onnxruntime says that it has no parts, not even where a delimiter parts it
        cases.add("split", [plain("StringSplit", ["x"], ["y", "z"], **a)], {"x": x}, {"y": T.STRING, "z": T.INT64})
    for action in ("NONE", "LOWER", "UPPER"):
        for case in (0, 1):
            cases.add(f"normalizer-{action}-{case}", [plain("StringNormalizer", ["x"], ["y"], case_change_action=action, is_case_sensitive=case, stopwords=["a", "BC"])], {"x": words(cases, 9)}, {"y": T.STRING})
    for mode in ("TF", "IDF", "TFIDF"):
        for skips in (0, 2):
            a = {"mode": mode, "min_gram_length": 1, "max_gram_length": 2, "max_skip_count": skips, "ngram_counts": [0, 3], "ngram_indexes": [0, 2, 1, 4, 3], "weights": coefficients(cases, 5)}
            cases.add(f"tfidf-{mode}-{skips}", [plain("TfIdfVectorizer", ["x"], ["y"], pool_int64s=[1, 2, 3, 1, 2, 2, 2], **a)], {"x": cases.random.integers(0, 4, (3, 12))}, {"y": T.FLOAT})
            cases.add(f"tfidf-words-{mode}-{skips}", [plain("TfIdfVectorizer", ["x"], ["y"], pool_strings=["a", "", "12", "a", "a", "12", ""], **a)], {"x": words(cases, 20)}, {"y": T.FLOAT})
    for pattern in ("[a-z]+", "(?i)[a-z]*", ".*X.*", "\\s*\\w+\\s*\\w*\\s*", "-?\\d+(\\.\\d+)?"):
        cases.add("regex", [plain("RegexFullMatch", ["x"], ["y"], pattern=pattern)], {"x": words(cases, 4, 5)}, {"y": T.BOOL})
    sentences = np.array(["Hello World", "", "I love  computer science!", "Größe, x=1.5; año-ñ", " a ", "aab abb ba\nb^c", "日本語 テキスト"], dtype=object)
    for mark in (0, 1):
        for least in (1, 2):
            a = {"mark": mark, "mincharnum": least, "pad_value": "#"}
            for pattern in ("[a-zA-Z0-9_]+", "a|ab|abb?", "\\b\\w", "^[A-Z]", "(?s).b.", "a*", "[^ ]+?$", "x*y|\\w+\\d"):
                cases.add("tokens", [node("Tokenizer", ["x"], ["y"], "com.microsoft", tokenexp=pattern, **a)], {"x": sentences}, {"y": T.STRING})
            for separators in ([" "], ["[ ,;]+", "o"], ["ö|ß", "\\s", "b"], ["^.", "$"], [""]):
                x = sentences if least == 1 else np.stack([sentences, words(cases, sentences.size)])
                cases.add("parts", [node("Tokenizer", ["x"], ["y"], "com.microsoft", separators=separators, **a)], {"x": x}, {"y": T.STRING})
        for x in (np.array([], dtype=object), np.array(["", ""], dtype=object)):
            cases.add("no-tokens", [node("Tokenizer", ["x"], ["y"], "com.microsoft", tokenexp="a+", mark=mark, mincharnum=1, pad_value="")], {"x": x}, {"y": T.STRING})
    cases.add("equal", [plain("Equal", ["x", "y"], ["z"])], {"x": words(cases, 6, 5), "y": words(cases, 5)}, {"z": T.BOOL})
    cases.add("where", [plain("Where", ["c", "x", "y"], ["z"])], {"c": cases.random.random((4, 5)) < 0.5, "x": words(cases, 4, 5), "y": words(cases, 1)}, {"z": T.STRING})
    cases.add("gather", [plain("Gather", ["x", "i"], ["y"], axis=1), plain("Concat", ["y", "y"], ["z"], axis=0), plain("Transpose", ["z"], ["t"])], {"x": words(cases, 4, 5), "i": np.array([4, 0, -1])}, {"t": T.STRING})
    numbers = np.array([0, 1.5, -2.25, 1e-5, 3e10, 0.1, np.nan, np.inf, -np.inf], np.float32)
    cases.add("cast-float", [plain("Cast", ["x"], ["y"], to=T.STRING)], {"x": numbers}, {"y": T.STRING})
    for x in (np.array([0, -5, 1 << 62]), np.array([True, False]), np.array([7, 250], np.uint8)):
        cases.add(f"cast-{x.dtype}", [plain("Cast", ["x"], ["y"], to=T.STRING)], {"x": x}, {"y": T.STRING})
    texts = np.array(["1", "-7", "0"], dtype=object)
    for to in (T.FLOAT, T.DOUBLE, T.INT64, T.INT32, T.INT8, T.BOOL):
        cases.add(f"cast-to-{to}", [plain("Cast", ["x"], ["y"], to=to)], {"x": texts if to != T.BOOL else texts[:1]}, {"y": to})
    cases.add("cast-to-reals", [plain("Cast", ["x"], ["y"], to=T.FLOAT)], {"x": np.array(["1e-3", "-2.5", "INF", "NaN", "3E2"], dtype=object)}, {"y": T.FLOAT})


def add_sequences(cases: Cases) -> None:
    floats = helper.make_sequence_type_proto(helper.make_tensor_type_proto(T.FLOAT, None))
    texts = helper.make_sequence_type_proto(helper.make_tensor_type_proto(T.STRING, None))

    def plain(kind: str, inputs: list[str], outputs: list[str], **a) -> onnx.NodeProto:
        return node(kind, inputs, outputs, "", **a)

    for make, kind in ((features, floats), (words, texts)):
        items = [make(cases, 2, 3), make(cases, 4, 3), make(cases, 1, 3)]
        given = {"s": (kind, items)}
        element = kind.sequence_type.elem_type.tensor_type.elem_type
        cases.add("joined", [plain("ConcatFromSequence", ["s"], ["y"], axis=0)], given, {"y": element})
        cases.add("stacked", [plain("ConcatFromSequence", ["s"], ["y"], axis=-1, new_axis=1)], {"s": (kind, [items[0]] * 3)}, {"y": element})
        cases.add("changed", [plain("Constant", [], ["p"], value_int=-2), plain("SequenceErase", ["s", "p"], ["e"]), plain("SequenceInsert", ["e", "x", "p"], ["y"]), plain("SequenceAt", ["y", "p"], ["z"]),
                              plain("SequenceLength", ["y"], ["n"])], {**given, "x": make(cases, 2, 2)}, {"y": kind, "z": element, "n": T.INT64})
        for axis, split in ((0, None), (1, np.array(2)), (0, np.array([1, 3, 0, 2]))):
            for keep in (0, 1) if split is None else (1,):
                inputs = {"x": make(cases, 6, 5), **({} if split is None else {"n": split})}
                cases.add("parted", [plain("SplitToSequence", list(inputs), ["y"], axis=axis, keepdims=keep)], inputs, {"y": kind})
    body = helper.make_graph([plain("Add", ["a", "k"], ["b"]), plain("Shape", ["b"], ["d"])], "b", [helper.make_tensor_value_info("a", T.FLOAT, None)],
                             [helper.make_tensor_value_info("b", T.FLOAT, None), helper.make_tensor_value_info("d", T.INT64, None)])
    shapes = helper.make_sequence_type_proto(helper.make_tensor_type_proto(T.INT64, None))
    cases.add("mapped", [plain("SequenceMap", ["s"], ["y", "d"], body=body)], {"s": (floats, [features(cases, n, 2) for n in (1, 3, 1, 2)]), "k": features(cases, 1, 2)}, {"y": floats, "d": shapes})
    # PyTorch's newer exporter says no type of the item.
    untyped = helper.make_graph([plain("Add", ["a", "k"], ["b"]), plain("Shape", ["b"], ["d"])], "b", [onnx.ValueInfoProto(name="a")], body.output)
    cases.add("mapped-untyped", [plain("SequenceMap", ["s"], ["y", "d"], body=untyped)], {"s": (floats, [features(cases, n, 2) for n in (1, 3, 1, 2)]), "k": features(cases, 1, 2)}, {"y": floats, "d": shapes})


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("limner")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--verbose", action="store_true", help="name the cases that onnxruntime refuses")
    arguments = parser.parse_args()
    cases = Cases(ROOT / "build/check/values", arguments.seed)
    for add in [value for name, value in globals().items() if name.startswith("add_")]:
        add(cases)
    if arguments.verbose:
        print("\n".join(cases.refused))
    result = subprocess.run([arguments.limner, "test", "--atol", "5e-4", str(cases.folder)], check=False, capture_output=True, text=True)
    print(result.stdout[-6000:] + result.stderr[-2000:], end="")
    print(f"seed {arguments.seed}: {cases.count} models beside onnxruntime {onnxruntime.__version__}; it refuses {len(cases.refused)}")
    return result.returncode


if __name__ == "__main__":
    sys.exit(main())
