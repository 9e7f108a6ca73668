// SPDX-License-Identifier: Apache-2.0
// The chip takes steps together while nobody can tell. Somebody who looks all the time holds it to one step at a time;
// both have to see the same card.
#include <string>

#include <systemc>

#include "lightcard/model/common/activity.h"
#include "lightcard/model/common/transactions.h"
#include "lightcard/platform/driver/program_runner.h"
#include "lightcard/tb/card/network_rig.h"

namespace lightcard::test {
namespace {

/// A process that looks at the card every `period` from begin() on. The card's time is the simulator's whenever it
/// does.
class Watcher : public sc_core::sc_module {
public:
    SC_HAS_PROCESS(Watcher);
    Watcher(sc_core::sc_module_name name, Card& card, Picoseconds period)
        : sc_module(name), card_(card), period_(period), next_("next")
    {
        SC_METHOD(look);
        sensitive << next_;
        dont_initialize();
    }
    void begin()
    {
        begun_ = card_.now();
        next_.notify(to_sc_time(period_));
    }
    /// Card time that it has watched.
    Picoseconds watched() const { return looks_ * period_; }
    Picoseconds begun() const { return begun_; }

private:
    void look()
    {
        ++looks_;
        EXPECT_EQ(card_.now(), to_picoseconds(sc_core::sc_time_stamp()));
        next_.notify(to_sc_time(period_));
    }
    Card& card_;
    const Picoseconds period_;
    sc_core::sc_event next_;
    Picoseconds begun_ = 0, looks_ = 0;
};

class SpanLog : public ActivitySink {
public:
    void track(TrackId id, std::string_view path) override { text_ << "track " << id << ' ' << path << '\n'; }
    void span(TrackId id, std::string_view name, Picoseconds t0, Picoseconds t1, std::uint32_t layer,
              std::uint64_t detail) override
    {
        text_ << id << ' ' << name << ' ' << t0 << ' ' << t1 << ' ' << layer << ' ' << detail << '\n';
    }
    void instant(TrackId id, std::string_view name, Picoseconds t, std::uint64_t detail) override
    {
        text_ << id << ' ' << name << ' ' << t << ' ' << detail << '\n';
    }
    void counter(TrackId, std::string_view, Picoseconds, double) override {}
    std::string text() const { return text_.str(); }

private:
    std::ostringstream text_;
};

struct Setting {
    Picoseconds period = 0;  ///< of the watcher; 0 = none
    Fidelity fidelity = Fidelity::timing;
    Timing timing = Timing::lt;
    std::uint32_t cores = 1;
    bool fault = false, traced = true;
};

/// Everything that a run shows: bus events with their times, counters, books, log of errors, trace.
std::string seen(const Network& network, const Setting& setting)
{
    return in_child([&] {
        auto config = default_card();
        config.run.fidelity = setting.fidelity;
        config.run.timing = setting.timing;
        config.cores = setting.cores;
        Rig rig(config);
        std::unique_ptr<Watcher> watcher;
        if (setting.period > 0) watcher = std::make_unique<Watcher>("watcher", rig.card, setting.period);
        SpanLog log;
        if (setting.traced) rig.card.activity().attach(log);
        std::ostringstream out;
        rig.host.root().set_observer([&out](const host::BusEvent& event) {
            out << static_cast<int>(event.kind) << ' ' << event.address << ' ' << event.bytes << ' '
                << event.time.value() << '\n';
        });
        rig.up();
        if (watcher) watcher->begin();
        Fault line;
        line.kind = FaultKind::laser_line;
        line.target = LC_PLACE(0, 1, 0, 0);
        if (setting.fault) must(rig.card.inject(line, {FaultStart::Kind::mvms, 3000}));
        const auto program = compile(network, config);
        driver::RunnerOptions options;
        options.data = setting.fidelity != Fidelity::timing;
        driver::ProgramRunner runner(*rig.driver, program, options);
        must(runner.load());
        std::vector<std::uint8_t> input, output(network.inputs.size() * program.outputs[0].bytes_per_image);
        for (const auto& image : network.inputs) input.insert(input.end(), image.begin(), image.end());
        const auto ran = runner.run({options.data ? input.data() : nullptr}, {options.data ? output.data() : nullptr},
                                    network.inputs.size());
        out << (ran.ok() ? "good" : ran.error().message()) << ' ' << rig.card.now() << '\n' << figures_of(rig.card);
        for (const auto byte : output) out << ' ' << static_cast<int>(byte);
        if (watcher) {
            EXPECT_GE(watcher->watched() + setting.period, rig.card.now() - watcher->begun());
        }
        if (setting.traced) rig.card.activity().detach(log);
        return out.str() + log.text();
    });
}

void expect_unseen(const Network& network, Setting setting)
{
    const auto alone = seen(network, setting);
    EXPECT_GT(alone.size(), 10'000u);
    for (const Picoseconds period : {499'979, 10'000'019}) {
        setting.period = period;
        EXPECT_TRUE(seen(network, setting) == alone) << "period " << period;
    }
}

TEST(LookAhead, AWatcherSeesTheSameCard)
{
    const auto network = lenet(4);
    expect_unseen(network, {});
    expect_unseen(network, {0, Fidelity::timing, Timing::at});
    expect_unseen(network, {0, Fidelity::stat, Timing::lt, 2});
}

TEST(LookAhead, AFaultInMidProgramBeginsAtTheSameCommand)
{
    const auto network = lenet(4);
    const auto whole = seen(network, {});
    const auto hurt = seen(network, {0, Fidelity::timing, Timing::lt, 1, true});
    EXPECT_FALSE(hurt == whole);
    expect_unseen(network, {0, Fidelity::timing, Timing::lt, 1, true});
}

/// Bus events of a program whose records are fetched while others run: its commands take longer than their fetch.
std::string fetches(Picoseconds period)
{
    return in_child([period] {
        Rig rig;
        Watcher watcher("watcher", rig.card, period);
        rig.up();
        constexpr std::uint32_t kBytes = 1u << 16;
        lc_vector_op op{};
        op.kind = LC_VEC_MOVE;
        op.in_format = op.out_format = LC_FMT_U8;
        op.in = {sram_pointer(0), 1, 1, 1, kBytes, 1, 1, kBytes, kBytes, kBytes, 1, 1, 1, 1, 1, 1, 0, 0};
        op.out = {sram_pointer(1u << 20), kBytes, kBytes, kBytes};
        lc_record record{};
        record.sqe = driver::make_command(LC_OP_VECTOR);
        std::memcpy(record.operands, &op, sizeof op);
        const std::vector<lc_record> records(600, record);
        const auto memory = rig.buffer(records.size() * sizeof record);
        std::memcpy(memory.host, records.data(), memory.bytes);
        std::ostringstream out;
        rig.host.root().set_observer(
            [&out](const host::BusEvent& event) { out << event.address << ' ' << event.time.value() << '\n'; });
        watcher.begin();
        const auto exec = driver::make_exec(host_pointer(memory), 600);
        rig.run(driver::make_command(LC_OP_EXEC), &exec);
        return out.str() + figures_of(rig.card);
    });
}

TEST(LookAhead, AFetchIsNotOvertaken)
{
    EXPECT_TRUE(fetches(20 * kNanosecond) == fetches(kSecond));
}

/// Without a sink there is no trace; all else stays.
TEST(LookAhead, ATraceChangesNothing)
{
    const auto network = lenet(2);
    const auto traced = seen(network, {}), plain = seen(network, {0, Fidelity::timing, Timing::lt, 1, false, false});
    EXPECT_GT(traced.size(), plain.size());
    EXPECT_TRUE(traced.compare(0, plain.size(), plain) == 0);
}

/// A command's three or four steps, and most commands, do not cost an activation each.
TEST(LookAhead, StepsAreTakenTogether)
{
    auto config = default_card();
    config.run.fidelity = Fidelity::timing;
    Rig rig(config);
    rig.up();
    const auto network = lenet(16);
    const auto program = compile(network, config);
    driver::RunnerOptions options;
    options.data = false;
    driver::ProgramRunner runner(*rig.driver, program, options);
    must(runner.load());
    const auto before = sc_core::sc_delta_count();
    const auto commands = rig.card.counters().commands;
    ASSERT_TRUE(runner.run({nullptr}, {nullptr}, 16).ok());
    EXPECT_LT(sc_core::sc_delta_count() - before, rig.card.counters().commands - commands);
}

}  // namespace
}  // namespace lightcard::test
