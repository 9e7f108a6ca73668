// SPDX-License-Identifier: Apache-2.0
#include "lightcard/model/card/yaml_reader.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <exception>
#include <sstream>

namespace lightcard::yaml {

namespace {

/// Ends the parse from inside an event; never leaves this file.
struct Refusal {
    Error error;
    int line;
};

/// Builds the tree from parser events. Open containers form a stack; a map alternates key and value.
class TreeBuilder : public YAML::EventHandler {
public:
    Node take_root() { return std::move(root_); }

    void OnDocumentStart(const YAML::Mark&) override {}
    void OnDocumentEnd() override {}

    void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override
    {
        refuse_anchor(mark, anchor);
        if (wants_key()) refuse(mark, "a key is empty", "keys are plain text");
        add(mark, Node::Kind::null, {});
    }

    void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override { refuse_anchor(mark, 1); }

    void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  const std::string& value) override
    {
        refuse_anchor(mark, anchor);
        refuse_tag(mark, tag);
        if (wants_key()) {
            begin_entry(mark, value);
        } else {
            add(mark, Node::Kind::scalar, value);
        }
    }

    void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                         YAML::EmitterStyle::value) override
    {
        open(mark, tag, anchor, Node::Kind::sequence);
    }
    void OnSequenceEnd() override { close(); }

    void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                    YAML::EmitterStyle::value) override
    {
        open(mark, tag, anchor, Node::Kind::map);
    }
    void OnMapEnd() override { close(); }

private:
    struct Level {
        Node node;
        bool has_key = false;  ///< of a map: a key waits for its value
        std::string key;
        int key_line = 1;
    };

    [[noreturn]] void refuse(const YAML::Mark& mark, std::string what, std::string hint)
    {
        throw Refusal{{std::move(what), path(), std::move(hint)}, mark.line + 1};
    }

    void refuse_anchor(const YAML::Mark& mark, YAML::anchor_t anchor)
    {
        if (anchor != 0) refuse(mark, "anchors and aliases are not allowed", "write the value out, or use 'extends'");
    }

    void refuse_tag(const YAML::Mark& mark, const std::string& tag)
    {
        const bool implied = tag.empty() || tag == "?" || tag == "!";  // plain or quoted
        if (!implied) refuse(mark, "explicit tag '" + tag + "' is not allowed", "write the value without a tag");
    }

    bool wants_key() const
    {
        return !open_.empty() && open_.back().node.kind == Node::Kind::map && !open_.back().has_key;
    }

    void begin_entry(const YAML::Mark& mark, const std::string& key)
    {
        Level& level = open_.back();
        if (const Entry* first = level.node.find(key)) {
            refuse(mark, "duplicate key '" + key + "'", "first given in line " + std::to_string(first->line));
        }
        level.has_key = true;
        level.key = key;
        level.key_line = mark.line + 1;
    }

    void count_node(const YAML::Mark& mark)
    {
        if (++nodes_ > kMaxNodes) refuse(mark, "too many values", "at most " + std::to_string(kMaxNodes));
    }

    void add(const YAML::Mark& mark, Node::Kind kind, const std::string& text)
    {
        count_node(mark);
        Node node;
        node.kind = kind;
        node.text = text;
        node.line = mark.line + 1;
        attach(std::move(node));
    }

    void attach(Node node)
    {
        if (open_.empty()) {
            root_ = std::move(node);
            return;
        }
        Level& level = open_.back();
        const int line = level.has_key ? level.key_line : node.line;
        level.node.entries.push_back({std::move(level.key), line, std::move(node)});
        level.key.clear();
        level.has_key = false;
    }

    void open(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, Node::Kind kind)
    {
        refuse_anchor(mark, anchor);
        refuse_tag(mark, tag);
        if (wants_key()) refuse(mark, std::string("a key is ") + describe(kind), "keys are plain text");
        if (open_.size() >= kMaxDepth)
            refuse(mark, "nested too deeply", "at most " + std::to_string(kMaxDepth) + " levels");
        count_node(mark);
        Level level;
        level.node.kind = kind;
        level.node.line = mark.line + 1;
        open_.push_back(std::move(level));
    }

    void close()
    {
        Node node = std::move(open_.back().node);
        open_.pop_back();
        attach(std::move(node));
    }

    std::string path() const
    {
        std::string text;
        for (const Level& level : open_) {
            if (level.has_key) text += (text.empty() ? "" : ".") + level.key;
        }
        return text;
    }

    Node root_;
    std::vector<Level> open_;
    std::size_t nodes_ = 0;
};

std::string place(const std::string& file, int line, const std::string& path)
{
    return file + ":" + std::to_string(line) + (path.empty() ? "" : ": " + path);
}

Result<Node> parse(const std::string& text, const std::string& file)
{
    TreeBuilder builder;
    try {
        std::istringstream stream(text);
        YAML::Parser parser(stream);
        if (!parser.HandleNextDocument(builder)) return Node();
        Node root = builder.take_root();
        TreeBuilder rest;
        if (parser.HandleNextDocument(rest)) {
            return Error{"more than one YAML document", place(file, rest.take_root().line, ""), "one card a file"};
        }
        return root;
    } catch (const Refusal& refusal) {
        return Error{refusal.error.what, place(file, refusal.line, refusal.error.where), refusal.error.hint};
    } catch (const YAML::Exception& e) {
        return Error{"malformed YAML: " + e.msg, place(file, e.mark.line + 1, ""), ""};
    } catch (const std::exception& e) {
        return Error{std::string("malformed YAML: ") + e.what(), file, ""};
    }
}

}  // namespace

const Entry* Node::find(const std::string& key) const
{
    for (const Entry& entry : entries) {
        if (entry.key == key) return &entry;
    }
    return nullptr;
}

const char* describe(Node::Kind kind)
{
    switch (kind) {
        case Node::Kind::null:
            return "nothing";
        case Node::Kind::scalar:
            return "text";
        case Node::Kind::sequence:
            return "a list";
        case Node::Kind::map:
            return "a map";
    }
    return "unknown";
}

Result<Node> read(const std::string& text, const std::string& file)
{
    if (text.size() > kMaxBytes) {
        return Error{"file is too large", file, "at most " + std::to_string(kMaxBytes / 1024) + " KiB"};
    }
    return parse(text, file);
}

}  // namespace lightcard::yaml
