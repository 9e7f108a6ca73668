// SPDX-License-Identifier: Apache-2.0
#include "rig.h"

#include <sys/wait.h>
#include <unistd.h>

namespace lightcard::test {
namespace {

void write_all(int file, const std::string& text)
{
    for (std::size_t done = 0; done < text.size();) {
        const auto count = ::write(file, text.data() + done, text.size() - done);
        if (count <= 0) return;
        done += static_cast<std::size_t>(count);
    }
}

std::string read_all(int file)
{
    std::string text;
    char part[4096];
    for (ssize_t count; (count = ::read(file, part, sizeof part)) > 0;)
        text.append(part, static_cast<std::size_t>(count));
    return text;
}

}  // namespace

std::string in_child(const std::function<std::string()>& body)
{
    int ends[2];
    if (pipe(ends) != 0) throw std::runtime_error("pipe");
    const pid_t child = fork();
    if (child == 0) {
        close(ends[0]);
        bool good = true;
        try {
            write_all(ends[1], body());
            good = !testing::Test::HasFailure();
        } catch (const std::exception& error) {
            write_all(ends[1], std::string("exception: ") + error.what());
            good = false;
        }
        _exit(good ? 0 : 1);
    }
    close(ends[1]);
    const std::string text = read_all(ends[0]);
    close(ends[0]);
    int status = 0;
    waitpid(child, &status, 0);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << "child failed: " << text;
    return text;
}

std::string figures_of(Card& card)
{
    std::ostringstream out;
    const CardCounters counters = card.counters();
    for (const auto& engine : counters.engines) {
        out << engine.name << ' ' << engine.busy << ' ' << engine.commands << ' ' << engine.items;
        for (const auto& [cause, time] : engine.waits) out << ' ' << cause << '=' << time;
        out << '\n';
    }
    for (const auto& layer : counters.layers)
        out << "layer " << layer.cause.context << '.' << layer.cause.layer << ' ' << layer.first << ' ' << layer.last
            << ' ' << layer.busy << ' ' << layer.tile_vectors << ' ' << layer.tile_loads << ' ' << layer.cell_writes
            << '\n';
    out << "commands " << counters.commands << " failed " << counters.failed_commands << " doorbells "
        << counters.doorbells << " interrupts " << counters.interrupts << "\nmvms " << counters.mvms << " dac "
        << counters.dac_samples << " adc " << counters.adc_samples << " clipped " << counters.adc_clipped << "\nloads "
        << counters.tile_loads << " cells " << counters.cell_writes << " switches " << counters.bank_switches
        << "\nlink " << counters.link_bytes_up << ' ' << counters.link_bytes_down << " dram " << counters.dram_bytes
        << " sram " << counters.sram_bits << " wear " << counters.max_wear << " laser " << counters.laser_on << " now "
        << counters.now << '\n';
    return out.str() + books_of(card);
}

std::string books_of(Card& card)
{
    std::ostringstream out;
    for (const auto& account : card.ledger().accounts())
        out << account.spec.path << '/' << to_string(account.spec.category) << ' ' << account.count << '\n';
    return out.str();
}

}  // namespace lightcard::test
