// SPDX-License-Identifier: Apache-2.0
/// The control socket's language, without a socket.
#include <gtest/gtest.h>

#include "lightcard/platform/vfio_user/control_socket.h"

namespace lightcard::vfio_user {
namespace {

std::string complaint(const std::string& line)
{
    std::optional<std::int64_t> id;
    const auto request = parse_control(line, id);
    return request ? "accepted" : request.error().message();
}

TEST(ControlRequest, FieldsAsTheyWereWritten)
{
    std::optional<std::int64_t> id;
    const auto request =
        parse_control(R"({"id": 7, "command": "inject", "fault": "interrupt_lost", "vector": 1, "at": "5 ms"})", id);
    ASSERT_TRUE(request) << request.error().message();
    EXPECT_EQ(id, 7);
    EXPECT_EQ(request->id, 7);
    EXPECT_EQ(request->command, "inject");
    ASSERT_EQ(request->fields.size(), 3u);
    EXPECT_EQ(request->get("vector"), "1");
    EXPECT_EQ(request->get("at"), "5 ms");
}

TEST(ControlRequest, NamesWhatIsWrong)
{
    EXPECT_EQ(complaint(R"({"command": "statsu"})"), "command: no command 'statsu' (did you mean 'status'?)");
    EXPECT_EQ(complaint(R"({"command": "step"})"), "time: is missing (step needs it)");
    EXPECT_EQ(complaint(R"({"command": "status", "x": 1})").substr(0, 28), "x: status has no such field");
    EXPECT_NE(complaint(R"({"command": "log", "page": "event"})").find("did you mean 'events'"), std::string::npos);
    for (const char* line : {"", "status", "[]", "{", "{}", "null", R"({"command": 1})", R"({"command": ["status"]})",
                             R"({"command": "status", "id": "x"})", R"({"command": "status", "command": "status"})",
                             R"({"command": "status", "id": 1.5})", R"({"command": "inject", "fault": {"a": 1}})"})
        EXPECT_NE(complaint(line), "accepted") << line;
    EXPECT_NE(complaint(std::string(20'000, '[')), "accepted");
    EXPECT_NE(complaint(std::string(kMaxControlLine + 1, ' ')), "accepted");
}

TEST(ControlRequest, EveryCommandIsDescribed)
{
    for (const auto& command : control_commands()) EXPECT_GT(std::string(command.what).size(), 5u) << command.name;
}

TEST(ControlSocket, LinesInLinesOut)
{
    const auto echo = [](const ControlRequest& request) { return "<" + request.command + ">"; };
    std::string rest, answers;
    EXPECT_TRUE(ControlSocket::feed("{\"command\": \"stat", rest, echo, answers));
    EXPECT_EQ(answers, "");
    EXPECT_TRUE(ControlSocket::feed("us\"}\r\n\n{\"command\":\"pause\"}\nnonsense\n", rest, echo, answers));
    EXPECT_EQ(answers.substr(0, 17), "<status>\n<pause>\n");
    EXPECT_NE(answers.find(R"({"ok":false,"error":"not one flat JSON object")"), std::string::npos) << answers;
    EXPECT_EQ(rest, "");
    answers.clear();
    EXPECT_FALSE(ControlSocket::feed(std::string(kMaxControlLine + 1, 'x'), rest, echo, answers));
    EXPECT_NE(answers.find("too long"), std::string::npos);
}

TEST(ControlSocket, AHandlerThatThrowsEndsNothing)
{
    std::string rest, answers;
    const auto bad = [](const ControlRequest&) -> std::string { throw std::runtime_error("oh"); };
    EXPECT_TRUE(ControlSocket::feed("{\"id\":3,\"command\":\"status\"}\n", rest, bad, answers));
    EXPECT_EQ(answers.substr(0, 31), R"({"id":3,"ok":false,"error":"oh")");
}

TEST(ControlSocket, NothingListensTwice)
{
    const auto handler = [](const ControlRequest&) { return std::string("{}"); };
    const std::string path = testing::TempDir() + "control_test.sock";
    auto first = ControlSocket::listen(path, handler);
    ASSERT_TRUE(first) << first.error().message();
    EXPECT_FALSE(ControlSocket::listen(path, handler));
}

}  // namespace
}  // namespace lightcard::vfio_user
