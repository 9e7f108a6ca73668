// SPDX-License-Identifier: Apache-2.0
#include "lightcard/platform/vfio_user/card_control.h"

#include <condition_variable>
#include <cstring>
#include <exception>
#include <fstream>
#include <memory>
#include <mutex>

#include <nlohmann/json.hpp>

#include "lightcard/model/card/fault_scenario.h"
#include "lightcard/model/common/suggest.h"
#include "lightcard/model/common/units.h"
#include "lightcard/model/control_chip/fault_table.h"
#include "lightcard/model/control_chip/lightcard_abi.h"
#include "lightcard/model/control_chip/register_table.h"
#include "lightcard/platform/driver/tags.h"

namespace lightcard::vfio_user {

namespace {

using Json = nlohmann::ordered_json;
using Answer = Result<Json>;

Json status_of(Card& card, const KernelLoop& loop)
{
    Json out;
    out["card"] = card.config().name;
    out["configuration"] = card.config().hash;
    out["time_ns"] = card.now() / kNanosecond;
    out["paused"] = loop.paused();
    out["active_faults"] = card.faults().active().size();
    out["waiting_faults"] = card.faults().waiting().size();
    const auto& diagnostics = card.diagnostics();
    out["guest_errors"] = diagnostics.count(Severity::guest_error);
    out["internal_errors"] = diagnostics.count(Severity::internal_error);
    return out;
}

Json sensors_of(Card& card)
{
    auto out = Json::array();
    for (const auto& entry : card.telemetry().entries()) {
        const auto* name = driver::find_tag(entry.tag);
        Json sensor;
        sensor["name"] = name != nullptr ? name->name : "tag_" + std::to_string(entry.tag);
        sensor["index"] = entry.index;
        sensor["value"] = entry.value();
        if (name != nullptr && *name->unit != 0) sensor["unit"] = name->unit;
        out.push_back(std::move(sensor));
    }
    return out;
}

Json registers_of(Card& card)
{
    Json out;
    for (const auto& entry : control_chip::register_table().registers) {
        if (entry.count > 1) continue;
        std::uint64_t value = card.look(entry.offset);
        if (entry.bytes == 8) value |= static_cast<std::uint64_t>(card.look(entry.offset + 4)) << 32;
        char text[24];
        std::snprintf(text, sizeof text, entry.bytes == 8 ? "0x%016llx" : "0x%08llx",
                      static_cast<unsigned long long>(value));
        out[entry.name] = text;
    }
    return out;
}

Json faults_of(Card& card)
{
    auto& faults = card.faults();
    faults.catch_up();
    Json out;
    out["active"] = Json::array();
    for (const auto& active : faults.active())
        out["active"].push_back(
            {{"fault", describe(active.fault)}, {"since_ns", active.since / kNanosecond}, {"struck", active.struck}});
    out["waiting"] = Json::array();
    constexpr const char* kUnits[] = {"time_ns", "commands", "mvms", "programs"};
    for (const auto& waiting : faults.waiting()) {
        const bool time = waiting.start.kind == FaultStart::Kind::time;
        out["waiting"].push_back(
            {{"fault", describe(waiting.fault)},
             {kUnits[static_cast<int>(waiting.start.kind)],
              time ? waiting.start.at / static_cast<std::uint64_t>(kNanosecond) : waiting.start.at}});
    }
    return out;
}

Json diagnostics_of(Card& card)
{
    auto out = Json::array();
    for (const auto& entry : card.diagnostics().kept())
        out.push_back({{"severity", to_string(entry.severity)},
                       {"time_ns", entry.when / kNanosecond},
                       {"component", entry.component},
                       {"text", entry.text}});
    return out;
}

// Rows of log pages.
Json row_of(const lc_log_event& e)
{
    return {{"count", e.count}, {"time_ns", e.time_ns}, {"type", driver::event_name(e.type)},
            {"info", e.info},   {"value", e.value},     {"resets", e.resets}};
}
Json row_of(const lc_log_error& e)
{
    return {{"count", e.count},
            {"time_ns", e.time_ns},
            {"queue", e.sq_id},
            {"cid", e.cid},
            {"status", e.status},
            {"index", LC_FAIL_INDEX(e.result)},
            {"field", LC_FAIL_FIELD(e.result)}};
}
Json row_of(const lc_log_weights& e)
{
    return {{"core", e.core},    {"bank", e.bank},   {"weight_id", e.weight_id}, {"rows", e.rows},
            {"columns", e.cols}, {"epoch", e.epoch}, {"age_ns", e.age_ns},       {"max_wear", e.max_wear}};
}
Json row_of(const lc_log_wear& e)
{
    return {{"core", e.core},
            {"bank", e.bank},
            {"max_cycles", e.max_cycles},
            {"total_cycles", e.total_cycles},
            {"endurance", e.endurance},
            {"programs", e.programs},
            {"worn_rows", e.worn_rows},
            {"stuck_cells", e.stuck_cells},
            {"spare_rows", e.spare_rows}};
}
Json row_of(const lc_log_calibration& e)
{
    Json row = {{"core", e.core},
                {"needed", (e.flags & LC_CALIBRATION_NEEDED) != 0},
                {"calibrated_ns", e.calibrated_ns},
                {"age_ns", e.age_ns},
                {"samples", e.samples},
                {"clipped", e.clipped},
                {"ranged_banks", e.ranged_banks}};
    if ((e.flags & LC_CALIBRATION_THERMAL) != 0) {
        row["calibrated_mc"] = e.calibrated_mc;
        row["temperature_mc"] = e.temperature_mc;
    }
    return row;
}

template <class Entry>
Json rows_of(Card& card, std::uint32_t page)
{
    const auto bytes = card.log_page(page);
    auto out = Json::array();
    for (std::size_t at = 0; at + sizeof(Entry) <= bytes.size(); at += sizeof(Entry)) {
        Entry entry;
        std::memcpy(&entry, bytes.data() + at, sizeof entry);
        out.push_back(row_of(entry));
    }
    return out;
}

Json log_of(Card& card, const std::string& page)
{
    if (page == "events") return rows_of<lc_log_event>(card, LC_LOG_EVENT);
    if (page == "errors") return rows_of<lc_log_error>(card, LC_LOG_ERROR);
    if (page == "weights") return rows_of<lc_log_weights>(card, LC_LOG_WEIGHTS);
    if (page == "wear") return rows_of<lc_log_wear>(card, LC_LOG_WEAR);
    return rows_of<lc_log_calibration>(card, LC_LOG_CALIBRATION);
}

Json dump_of(Card& card, const KernelLoop& loop)
{
    Json out;
    out["status"] = status_of(card, loop);
    out["registers"] = registers_of(card);
    out["sensors"] = sensors_of(card);
    out["faults"] = faults_of(card);
    for (const char* page : {"events", "errors", "weights", "wear", "calibration"}) out[page] = log_of(card, page);
    out["diagnostics"] = diagnostics_of(card);
    return out;
}

Answer inject(Card& card, const ControlRequest& request)
{
    const auto parsed = parse_fault(request.fields, fault_limits(card.config()));
    if (!parsed) return parsed.error();
    const bool now = parsed->start.kind == FaultStart::Kind::time && parsed->start.at == 0;
    const auto put = now ? card.inject(parsed->fault) : card.inject(parsed->fault, parsed->start);
    if (!put) return put.error();
    return Json{{"fault", describe(parsed->fault)}};
}

Answer clear(Card& card, const std::string& name)
{
    if (name == "all") {
        card.faults().clear_all();
        return Json{{"cleared", true}};
    }
    const auto* spec = control_chip::find_fault(name);
    if (spec == nullptr)
        return Error{"no fault '" + name + "'", "fault", did_you_mean(name, control_chip::fault_names())};
    return Json{{"cleared", card.faults().clear(spec->kind)}};
}

Result<Picoseconds> time_of(const ControlRequest& request, Picoseconds longest)
{
    const auto time = parse_time(request.get("time"));
    if (!time) return Error{time.error().what, "time", time.error().hint};
    if (*time <= 0 || *time > longest) return Error{"is out of range", "time", "up to " + format_time(longest)};
    return *time;
}

Answer advance(Card& card, const ControlRequest& request)
{
    const auto seconds = parse_real(request.get("time"), Dimension::time);
    if (!seconds) return Error{seconds.error().what, "time", seconds.error().hint};
    if (!(*seconds >= 0) || *seconds > 1e10) return Error{"is out of range", "time", "up to 1e10 s"};
    if (auto aged = card.age(*seconds); !aged) return aged.error();
    return Json::object();
}

Answer reset(CardDevice& device, const std::string& kind)
{
    using Reset = CardDevice::Reset;
    device.reset_card(kind == "cold" ? Reset::cold : kind == "bus" ? Reset::bus : Reset::function);
    return Json::object();
}

Answer save(Card& card, const std::string& path)
{
    std::ofstream file(path, std::ios::binary | std::ios::trunc);
    if (!file) return Error{"cannot be written", path, ""};
    if (auto saved = card.save(file); !saved) return saved.error();
    file.close();
    if (!file) return Error{"cannot be written", path, ""};
    return Json::object();
}

Answer restore(Card& card, const std::string& path)
{
    std::ifstream file(path, std::ios::binary);
    if (!file) return Error{"cannot be read", path, ""};
    if (auto loaded = card.load(file); !loaded) return loaded.error();
    return Json::object();
}

/// On the kernel's thread, between two stretches of simulation.
Answer carry_out(Card& card, KernelLoop& loop, CardDevice& device, const ControlRequest& request)
{
    const auto& command = request.command;
    if (command == "status") return status_of(card, loop);
    if (command == "sensors") return Json{{"sensors", sensors_of(card)}};
    if (command == "registers") return Json{{"registers", registers_of(card)}};
    if (command == "log") return Json{{"entries", log_of(card, request.get("page"))}};
    if (command == "dump") return dump_of(card, loop);
    if (command == "faults") return faults_of(card);
    if (command == "inject") return inject(card, request);
    if (command == "clear") return clear(card, request.get("fault"));
    if (command == "advance") return advance(card, request);
    if (command == "reset") return reset(device, request.get("kind"));
    if (command == "save") return save(card, request.get("path"));
    if (command == "restore") return restore(card, request.get("path"));
    if (command == "pause") loop.pause();
    if (command == "resume") loop.resume();
    if (command == "step") {
        const auto time = time_of(request, kLongestStep);
        if (!time) return time.error();
        if (auto stepped = loop.step(*time); !stepped) return stepped.error();
    }
    return status_of(card, loop);
}

std::string answer_line(const ControlRequest& request, const Answer& answer)
{
    if (!answer) return control_error(request.id, answer.error());
    Json out;
    if (request.id) out["id"] = *request.id;
    out["ok"] = true;
    for (const auto& [name, value] : answer->items()) out[name] = value;
    return out.dump(-1, ' ', true, Json::error_handler_t::replace);
}

/// Shared, so that a kernel that comes too late finds something to write to.
struct Exchange {
    ControlRequest request;
    std::mutex mutex;
    std::condition_variable arrived;
    bool done = false, given_up = false;
    std::string answer;
};

}  // namespace

std::string CardControl::handle(const ControlRequest& request)
{
    const auto exchange = std::make_shared<Exchange>();
    exchange->request = request;
    const bool taken = loop_.post_between([exchange, this] {
        {
            const std::lock_guard<std::mutex> lock(exchange->mutex);
            if (exchange->given_up) return;  // what nobody waits for is not done behind his back
        }
        std::string answer;
        try {
            answer = answer_line(exchange->request, carry_out(card_, loop_, device_, exchange->request));
        } catch (const std::exception& failure) {
            answer = control_error(exchange->request.id, {failure.what(), "", "this is a defect of lightcard"});
        }
        {
            const std::lock_guard<std::mutex> lock(exchange->mutex);
            exchange->answer = std::move(answer);
            exchange->done = true;
        }
        exchange->arrived.notify_one();
    });
    if (!taken) return control_error(request.id, {"the card is shutting down", "", ""});
    std::unique_lock<std::mutex> lock(exchange->mutex);
    if (exchange->arrived.wait_for(lock, kAnswerTime, [&] { return exchange->done; })) return exchange->answer;
    exchange->given_up = true;
    return control_error(request.id, {"the model has not answered in time", "", "it is in one long command"});
}

}  // namespace lightcard::vfio_user
