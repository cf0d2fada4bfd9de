"""Writes rich.onnx: one small model with everything that the loader and the writer must keep. Needs the onnx package."""

import pathlib

import onnx
from onnx import TensorProto, helper, numpy_helper

NUMBERS = [0, 1, 1, 0, 1]


def every_element_type():
    """Two initializers per type, one in its typed field and one as raw data."""
    for number in range(TensorProto.FLOAT, TensorProto.INT2 + 1):
        if number == TensorProto.STRING:
            yield helper.make_tensor("texts", number, [3], [b"a", b"", "é".encode()])
            continue
        typed = helper.make_tensor(f"typed_{number}", number, [5], NUMBERS)
        yield typed
        yield numpy_helper.from_array(numpy_helper.to_array(typed), f"raw_{number}")


def subgraph(name, node, output):
    return helper.make_graph([node], name, [], [helper.make_tensor_value_info(output, TensorProto.FLOAT, None)])


def main():
    floats = helper.make_tensor_type_proto(TensorProto.FLOAT, [2])
    then = subgraph("then", helper.make_node("Add", ["x", "scale"], ["s"], name="inner"), "s")
    other = subgraph("else", helper.make_node("Identity", ["x"], ["i"]), "i")

    leaky = helper.make_node("LeakyRelu", ["t"], ["b"], name="l")
    leaky.attribute.append(helper.make_attribute_ref("alpha", onnx.AttributeProto.FLOAT))
    leaky.attribute[0].ref_attr_name = "alpha"
    function = helper.make_function(
        "mine", "Twice", ["a"], ["b"], [helper.make_node("Mul", ["a", "a"], ["t"], name="m"), leaky],
        [helper.make_opsetid("", 23)], [], [helper.make_attribute("alpha", 0.25)])

    everything = helper.make_node(
        "Everything", ["z"], ["e"], name="all", domain="mine", doc_string="documented",
        f=1.5, i=-3, s=b"te\x00xt", t=helper.make_tensor("", TensorProto.INT8, [2], [1, -1]),
        fs=[1.0, 2.0], iz=[1, -2], ss=[b"a", b""], gs=[other],
        ts=[helper.make_tensor("", TensorProto.FLOAT, [1], [5]), helper.make_tensor("", TensorProto.STRING, [1], [b"x"])],
        tps=[helper.make_tensor_type_proto(TensorProto.INT8, [1, "n"]), helper.make_sequence_type_proto(floats)])
    everything.metadata_props.add(key="trace", value="here")

    nodes = [
        helper.make_node("If", ["c"], ["y"], name="if", then_branch=then, else_branch=other),
        helper.make_node("Twice", ["y"], ["z"], name="call", domain="mine"),
        helper.make_node("SequenceConstruct", ["z", "z"], ["q"], name="seq"),
        helper.make_node("Optional", [], ["o"], name="opt", type=floats),
        everything,
    ]
    sparse = helper.make_sparse_tensor(
        helper.make_tensor("sparse", TensorProto.FLOAT, [2], [1, 2]),
        helper.make_tensor("", TensorProto.INT64, [2, 2], [0, 1, 1, 0]), [2, 2])
    graph = helper.make_graph(
        nodes, "rich",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 3, None]),
         helper.make_tensor_value_info("c", TensorProto.BOOL, []),
         helper.make_tensor_value_info("scale", TensorProto.FLOAT, [1])],
        [helper.make_tensor_value_info("z", TensorProto.FLOAT, ["batch", 3, None]),
         helper.make_tensor_sequence_value_info("q", TensorProto.FLOAT, None),
         helper.make_value_info("o", helper.make_optional_type_proto(floats)),
         helper.make_tensor_value_info("e", TensorProto.FLOAT, None)],
        [*every_element_type(),
         helper.make_tensor("empty", TensorProto.FLOAT, [0, 3], []),
         helper.make_tensor("scalar", TensorProto.INT64, [], [7]),
         helper.make_tensor("scale", TensorProto.FLOAT, [1], [2.0])],
        doc_string="a graph",
        value_info=[helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", 3, 4])],
        sparse_initializer=[sparse])
    graph.metadata_props.add(key="g", value="m")
    model = helper.make_model(
        graph, producer_name="rich", producer_version="1", domain="d", model_version=5, doc_string="doc",
        functions=[function], opset_imports=[helper.make_opsetid("", 23), helper.make_opsetid("mine", 1)],
        ir_version=13)
    model.metadata_props.add(key="k", value="v")
    onnx.save(model, pathlib.Path(__file__).with_name("rich.onnx"))


if __name__ == "__main__":
    main()
