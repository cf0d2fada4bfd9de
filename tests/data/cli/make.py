"""Makes the small models beside this file that tests/e2e/cli.py uses. Needs the onnx package; run it from any folder."""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

HERE = Path(__file__).parent
FLOAT = TensorProto.FLOAT


def tensor(name, shape, kind=FLOAT):
    return helper.make_tensor_value_info(name, kind, shape)


def save(name, nodes, inputs, outputs, weights=(), metadata=None, opset=17, domains=()):
    graph = helper.make_graph(nodes, name, inputs, outputs, [numpy_helper.from_array(w, n) for n, w in weights])
    imports = [helper.make_opsetid("", opset), *(helper.make_opsetid(d, 1) for d in domains)]
    model = helper.make_model(graph, opset_imports=imports, ir_version=8, producer_name="limner tests")
    helper.set_model_props(model, metadata or {})
    onnx.checker.check_model(model)
    onnx.save(model, HERE / f"{name}.onnx")


def identity(name, channels, height="H", width="W", **more):
    save(name, [helper.make_node("Identity", ["x"], ["y"], name="copy")], [tensor("x", ["N", channels, height, width])],
         [tensor("y", ["N", channels, height, width])], **more)


identity("rgb", 3)
identity("rgba", 4)
identity("gray", 1)
identity("two", 2)
identity("fixed", 3, 6, 8)
identity("bgr255", 3, metadata={"Image.BitmapPixelFormat": "Bgr8", "Image.NominalPixelRange": "NominalRange_0_255"})

swap = np.zeros((3, 3, 1, 1), np.float32)
swap[[0, 1, 2], [1, 2, 0], 0, 0] = 1  # red out is green in, green blue, blue red
save("swap", [helper.make_node("Conv", ["x", "w"], ["y"], name="mix", kernel_shape=[1, 1])],
     [tensor("x", ["N", 3, "H", "W"])], [tensor("y", ["N", 3, "H", "W"])], [("w", swap)])

save("double", [helper.make_node("ConvTranspose", ["x", "w"], ["y"], name="grow", strides=[2, 2], group=3)],
     [tensor("x", ["N", 3, "H", "W"])], [tensor("y", ["N", 3, "2H", "2W"])],
     [("w", np.ones((3, 1, 2, 2), np.float32))])

save("root", [helper.make_node("Sqrt", ["x"], ["y"])], [tensor("x", [1, 1, "H", "W"])], [tensor("y", [1, 1, "H", "W"])])

save("sums",
     [helper.make_node("Add", ["a", "b"], ["sum"]), helper.make_node("Mul", ["a", "b"], ["product"]),
      helper.make_node("Greater", ["a", "b"], ["greater"])],
     [tensor("a", ["N", 3]), tensor("b", ["N", 3])],
     [tensor("sum", ["N", 3]), tensor("product", ["N", 3]), tensor("greater", ["N", 3], TensorProto.BOOL)])

save("unknown",
     [helper.make_node("Determine", ["x"], ["d"], domain="org.other"), helper.make_node("Sharpen", ["x"], ["s"], domain="org.example"),
      helper.make_node("Sharpen", ["s"], ["t"], domain="org.example"), helper.make_node("Relu", ["t"], ["y"])],
     [tensor("x", ["N", 3, 8, 8])], [tensor("d", ["N", 3]), tensor("y", ["N", 3, 8, 8])], domains=["org.example", "org.other"])

sparse = helper.make_sparse_tensor_value_info("x", FLOAT, [3])
save("sparse", [helper.make_node("Identity", ["x"], ["y"])], [sparse], [tensor("y", [3])])
