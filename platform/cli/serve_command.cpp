// SPDX-License-Identifier: Apache-2.0
// `lightcard serve`: a card behind a UNIX socket, for a stock QEMU to attach to.
#include <signal.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <fstream>
#include <ostream>
#include <thread>

#include "lightcard/model/card/fault_scenario.h"
#include "lightcard/platform/cli/commands.h"
#include "lightcard/platform/report/perfetto.h"
#include "lightcard/platform/vfio_user/card_control.h"
#include "lightcard/platform/vfio_user/card_device.h"
#include "lightcard/platform/vfio_user/card_window.h"
#include "lightcard/platform/vfio_user/control_socket.h"
#include "lightcard/platform/vfio_user/server.h"

namespace lightcard::cli {

namespace {

constexpr HelpText kHelp = {
    "serve",
    "[CARD] --socket PATH [--control PATH] [--faults SCENARIO] [--map-bar2] [--trace FILE] [--pace wall|free] [--set "
    "PATH=VALUE ...]",
    "Puts a card behind a UNIX socket that speaks vfio-user, until it is interrupted. A stock QEMU (10.1 or newer)\n"
    "attaches to it and its guest finds a PCIe card; docs/vfio-user.md has the command line.\n"
    "One client at a time; the card and its weights live on from one client to the next.\n"
    "With --control, `lightcard ctl` pauses, inspects, breaks and mends the card while it is served.\n"
    "CARD is the name of a shipped card (default lc128) or a YAML file.\n",
    "  lightcard serve --socket card.sock\n"
    "  lightcard serve --socket card.sock --control ctl.sock --faults interrupts --set run.inject=on\n"
    "  lightcard serve lc128-library --socket /run/user/1000/card.sock --pace free\n"};

/// Complaints of the guest's making, one a line, and not more than a reader can use.
class Log {
public:
    explicit Log(std::ostream& out) : out_(out) {}
    void line(const std::string& text)
    {
        const std::lock_guard<std::mutex> lock(mutex_);
        const auto now = std::chrono::steady_clock::now();
        if (now - since_ > std::chrono::seconds(1)) {
            if (said_ > kLinesASecond) out_ << "lightcard: ... and " << said_ - kLinesASecond << " more lines\n";
            since_ = now;
            said_ = 0;
        }
        if (++said_ <= kLinesASecond) out_ << "lightcard: " << text << std::endl;
    }

private:
    static constexpr std::uint64_t kLinesASecond = 50;
    std::ostream& out_;
    std::mutex mutex_;
    std::chrono::steady_clock::time_point since_{};
    std::uint64_t said_ = 0;
};

/// Ends the server when the process is asked to end. Signals are blocked in every thread and taken here, in turn.
class Signals {
public:
    explicit Signals(std::function<void()> stop)
    {
        sigemptyset(&set_);
        for (const int number : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&set_, number);
        pthread_sigmask(SIG_BLOCK, &set_, nullptr);
        thread_ = std::thread([this, stop = std::move(stop)] {
            int number = 0;
            sigwait(&set_, &number);
            stop();
        });
    }
    ~Signals()
    {
        pthread_kill(thread_.native_handle(), SIGTERM);
        thread_.join();
    }

private:
    sigset_t set_;
    std::thread thread_;
};

/// A timeline of the card with both clocks, of bounded length: whoever drives the card must not fill the disk.
class LiveTrace {
public:
    LiveTrace(Card& card, const std::string& path) : card_(card)
    {
        if (path.empty()) return;
        file_.open(path, std::ios::binary);
        if (!file_) return;
        writer_ = std::make_unique<report::PerfettoWriter>(file_);
        writer_->set_live(
            {[start = Clock::now()] {
                 return std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now() - start).count();
             },
             kMostRecords});
        card_.activity().attach(*writer_);
    }
    ~LiveTrace() { finish(); }
    LiveTrace(const LiveTrace&) = delete;
    LiveTrace& operator=(const LiveTrace&) = delete;

    bool ok() const { return writer_ != nullptr; }
    /// Records that there was no room for.
    std::uint64_t finish()
    {
        if (!writer_) return 0;
        card_.activity().detach(*writer_);
        writer_->finish();
        const auto dropped = writer_->dropped();
        writer_.reset();
        return dropped;
    }

private:
    using Clock = std::chrono::steady_clock;
    static constexpr std::uint64_t kMostRecords = 5'000'000;  ///< about 800 MB

    Card& card_;
    std::ofstream file_;
    std::unique_ptr<report::PerfettoWriter> writer_;
};

void announce(const Console& console, const CardConfig& config, const std::string& path, const std::string& pace)
{
    console.out << "lightcard: " << config.name << " (configuration " << config.hash << ", pace " << pace
                << ") listens on " << path << "\n"
                << "lightcard: qemu-system-x86_64 -M q35 -m 512 -object memory-backend-memfd,id=mem,size=512M,share=on "
                   "-machine memory-backend=mem \\\n"
                << "  -device pcie-root-port,id=rp0,slot=1,x-speed=16,x-width=16 \\\n"
                << "  -device '{\"driver\":\"vfio-user-pci\",\"bus\":\"rp0\",\"socket\":{\"type\":\"unix\",\"path\":\""
                << path << "\"},\"x-msg-timeout\":60000}' ..." << std::endl;
}

struct Request {
    CardConfig config;
    std::string path, pace, control;
    FaultScenario scenario;
    bool map_window = false;
    std::string trace;
};

Status put_in(Card& card, const FaultScenario& scenario)
{
    for (const auto& entry : scenario.faults)
        if (auto put = card.inject(entry.fault, entry.start); !put) return put;
    return {};
}

int serve(const Console& console, const Request& request)
{
    using namespace vfio_user;
    const auto& [config, path, pace, control_path, scenario, map_window, trace_path] = request;
    Log log(console.err);
    std::unique_ptr<CardWindow> window;
    if (map_window) {
        auto made = CardWindow::make(config.memory.bytes);
        if (!made) return fail(console, kCard, made.error());
        window = std::move(*made);
    }
    Card card("card", config);
    card.diagnostics().set_handler([&log](const Diagnostic& diagnostic) {
        log.line(std::string(to_string(diagnostic.severity)) + ", " + diagnostic.component + ": " + diagnostic.text);
    });
    KernelLoop loop("loop", card, pace == "wall" ? Pace::wall : Pace::free);
    GuestMemory memory;
    Interrupts interrupts(config.link.msix_vectors);
    CardDevice device("device", card, loop, memory, interrupts);
    if (window) {
        card.keep_memory_in(*window);
        device.offer(*window);
    }
    LiveTrace trace(card, trace_path);
    if (!trace_path.empty() && !trace.ok())
        return fail(console, kUsage, {std::string("cannot write: ") + std::strerror(errno), trace_path, ""});
    if (const auto put = put_in(card, scenario); !put) return fail(console, kUsage, put.error());
    CardControl control(card, loop, device);
    auto server = Server::listen(path, device, memory, interrupts, [&log](const std::string& text) { log.line(text); });
    if (!server) return fail(console, kUsage, server.error());

    // Before any thread starts, so that signals are taken by the one that waits for them.
    Signals signals([&server] { (*server)->stop(); });
    std::unique_ptr<ControlSocket> control_socket;
    if (!control_path.empty()) {
        auto made = ControlSocket::listen(control_path, [&](const ControlRequest& r) { return control.handle(r); });
        if (!made) return fail(console, kUsage, made.error());
        control_socket = std::move(*made);
    }
    announce(console, config, path, pace);
    if (window)
        console.out << "lightcard: the client maps BAR2; what it does there takes no card time and no energy"
                    << std::endl;
    if (!control_path.empty()) console.out << "lightcard: lightcard ctl " << control_path << " status" << std::endl;
    std::thread socket_thread([&] {
        (*server)->run();
        loop.stop();
    });
    const auto ended = loop.run();
    (*server)->stop();
    socket_thread.join();
    control_socket.reset();
    if (const auto dropped = trace.finish(); dropped > 0)
        console.out << "lightcard: the trace is full: " << dropped << " records are not in it" << std::endl;
    if (!ended) return fail(console, kCard, ended.error());
    console.out << "lightcard: " << (*server)->clients() << " clients, "
                << static_cast<double>(loop.busy().card) * 1e-12 << " s of busy card time in "
                << static_cast<double>(loop.busy().wall.count()) * 1e-9 << " s\n";
    return kOk;
}

}  // namespace

int serve_command(const Console& console, const Arguments& arguments)
{
    auto visible = card_options();
    po::options_description server("Server");
    server.add_options()("socket", po::value<std::string>()->value_name("PATH"), "UNIX socket to listen on")(
        "pace", po::value<std::string>()->default_value("wall")->value_name("PACE"),
        "card time while the card is idle: 'wall' follows the clock on the wall, 'free' stands still")(
        "map-bar2",
        "let the client map the window on card memory: fast, not timed, not traced, and QEMU then waits for every BAR "
        "write")("trace", po::value<std::string>()->default_value("", "")->value_name("FILE"),
                 "timeline for ui.perfetto.dev, card time and wall time in every record")(
        "control", po::value<std::string>()->default_value("", "")->value_name("PATH"),
        "UNIX socket for `lightcard ctl`")("faults",
                                           po::value<std::string>()->default_value("", "")->value_name("SCENARIO"),
                                           "faults to put in: a shipped scenario, or a YAML file");
    visible.add(server);
    po::options_description hidden;
    hidden.add_options()("card", po::value<std::string>()->default_value("lc128"));
    const auto parsed = parse(console, kHelp, visible, hidden, Positional{"card", 1}, arguments);
    if (parsed.exit) return *parsed.exit;
    if (!parsed.has("socket")) return fail(console, kUsage, {"--socket PATH is missing", "", "try --socket card.sock"});
    const auto pace = parsed.get<std::string>("pace");
    if (pace != "wall" && pace != "free") return fail(console, kUsage, {"--pace '" + pace + "'", "", "wall or free"});

    const auto overrides = overrides_of(parsed);
    if (!overrides) return fail(console, kUsage, overrides.error());
    const auto config = load_card(parsed.get<std::string>("card"), *overrides);
    if (!config) return fail(console, kUsage, config.error());
    Request request{*config,
                    parsed.get<std::string>("socket"),
                    pace,
                    parsed.get<std::string>("control"),
                    {},
                    parsed.has("map-bar2"),
                    parsed.get<std::string>("trace")};
    if (const auto faults = parsed.get<std::string>("faults"); !faults.empty()) {
        auto scenario = load_faults(faults, *config);
        if (!scenario) return fail(console, kUsage, scenario.error());
        request.scenario = std::move(*scenario);
    }
    return serve(console, request);
}

}  // namespace lightcard::cli
