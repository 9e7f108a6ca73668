// SPDX-License-Identifier: Apache-2.0
/// Small ONNX models made in tests through protobuf, so that odd ones need no files.
#pragma once

#define ONNX_ML 1
#define ONNX_NAMESPACE onnx
#include <onnx/onnx_pb.h>

#include <cstdint>
#include <string>
#include <vector>

namespace lightcard::test {

class ModelBuilder {
public:
    using Ints = std::vector<std::int64_t>;
    using Names = std::vector<std::string>;

    explicit ModelBuilder(Ints input_shape = {1, 3, 8, 8}, std::int64_t opset = 13)
    {
        model.set_ir_version(7);
        model.add_opset_import()->set_version(opset);
        model.mutable_graph()->set_name("test");
        auto* type = add_value(model.mutable_graph()->add_input(), "x");
        for (auto dim : input_shape) type->mutable_shape()->add_dim()->set_dim_value(dim);
    }

    onnx::NodeProto& node(const std::string& op, const Names& inputs, const std::string& output)
    {
        auto* n = model.mutable_graph()->add_node();
        n->set_op_type(op);
        n->set_name(output + "_node");
        for (const auto& name : inputs) n->add_input(name);
        n->add_output(output);
        return *n;
    }

    void tensor(const std::string& name, const Ints& dims, const std::vector<float>& values)
    {
        auto* t = model.mutable_graph()->add_initializer();
        t->set_name(name);
        t->set_data_type(onnx::TensorProto::FLOAT);
        for (auto dim : dims) t->add_dims(dim);
        for (float v : values) t->add_float_data(v);
    }

    void integers(const std::string& name, const Ints& values)
    {
        auto* t = model.mutable_graph()->add_initializer();
        t->set_name(name);
        t->set_data_type(onnx::TensorProto::INT64);
        t->add_dims(static_cast<std::int64_t>(values.size()));
        for (auto v : values) t->add_int64_data(v);
    }

    /// One scalar of type INT8 or UINT8.
    void byte(const std::string& name, std::int32_t value, bool is_signed)
    {
        auto* t = model.mutable_graph()->add_initializer();
        t->set_name(name);
        t->set_data_type(is_signed ? onnx::TensorProto::INT8 : onnx::TensorProto::UINT8);
        t->add_int32_data(value);
    }

    void output(const std::string& name) { add_value(model.mutable_graph()->add_output(), name); }

    std::string bytes() const { return model.SerializeAsString(); }

    static void set(onnx::NodeProto& node, const std::string& name, const Ints& values)
    {
        auto* a = node.add_attribute();
        a->set_name(name);
        a->set_type(onnx::AttributeProto::INTS);
        for (auto v : values) a->add_ints(v);
    }
    static void set(onnx::NodeProto& node, const std::string& name, std::int64_t value)
    {
        auto* a = node.add_attribute();
        a->set_name(name);
        a->set_type(onnx::AttributeProto::INT);
        a->set_i(value);
    }
    static void set_real(onnx::NodeProto& node, const std::string& name, float value)
    {
        auto* a = node.add_attribute();
        a->set_name(name);
        a->set_type(onnx::AttributeProto::FLOAT);
        a->set_f(value);
    }
    static void set_text(onnx::NodeProto& node, const std::string& name, const std::string& value)
    {
        auto* a = node.add_attribute();
        a->set_name(name);
        a->set_type(onnx::AttributeProto::STRING);
        a->set_s(value);
    }

    onnx::ModelProto model;

private:
    static onnx::TypeProto::Tensor* add_value(onnx::ValueInfoProto* value, const std::string& name)
    {
        value->set_name(name);
        auto* type = value->mutable_type()->mutable_tensor_type();
        type->set_elem_type(onnx::TensorProto::FLOAT);
        return type;
    }
};

}  // namespace lightcard::test
