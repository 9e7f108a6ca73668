// SPDX-License-Identifier: Apache-2.0
#include "lightcard/model/control_chip/calibrator.h"

#include "lightcard/model/common/transactions.h"

namespace lightcard::control_chip {

static_assert(CalibrationTransaction::kDacs == LC_CAL_DACS && CalibrationTransaction::kAdcs == LC_CAL_ADCS &&
              CalibrationTransaction::kColumns == LC_CAL_COLUMNS && CalibrationTransaction::kDrift == LC_CAL_DRIFT &&
              CalibrationTransaction::kRanges == LC_CAL_RANGES && CalibrationTransaction::kSigned == LC_CAL_SIGNED &&
              CalibrationTransaction::kEveryBank == LC_CAL_EVERY_BANK);

void Calibrator::send(CalibrationTransaction& calibration)
{
    tlm::tlm_generic_payload payload;
    const ExtensionLoan loan(payload, calibration);
    auto delay = sc_core::SC_ZERO_TIME;
    core_->b_transport(payload, delay);
}

Picoseconds Calibrator::begin(Task& task, std::uint32_t kinds, std::uint32_t bank, std::uint32_t samples,
                              std::uint32_t& banks)
{
    CalibrationTransaction calibration;
    calibration.kinds = kinds;
    calibration.bank = bank;
    calibration.samples = samples != 0 ? samples : context_.parameters.calibration_samples;
    calibration.cause = task.cause();
    calibration.earliest = context_.services.now();
    send(calibration);
    banks = calibration.banks;
    return calibration.end;
}

void Calibrator::start(Task& task)
{
    const auto& asked = task.command.sqe.u.calibrate;
    std::uint32_t banks = 0;
    task.ends = begin(task, asked.kinds, asked.bank, asked.samples, banks);
    task.result = banks;
    context_.timeline.at(task.ends, control_chip::Due::finish, task.id);
}

bool Calibrator::start_ahead(Task& task, std::uint32_t bank)
{
    if (context_.parameters.calibration != CalibrationPolicy::automatic || !due_ || !due_(bank)) return false;
    std::uint32_t banks = 0;
    const auto end = begin(task, LC_CAL_COLUMNS, bank, 0, banks);
    ahead_ = true;
    context_.scheduler.engine(task.engine).waits.add("calibration", end - context_.services.now());
    context_.timeline.at(end, control_chip::Due::step, task.id);
    return true;
}

void Calibrator::finish()
{
    ahead_ = false;
    context_.jobs.settle();  // with the registers that their light was sent with
    CalibrationTransaction calibration;
    calibration.kind = CalibrationTransaction::Kind::commit;
    send(calibration);
}

void Calibrator::drop()
{
    ahead_ = false;
    CalibrationTransaction calibration;
    calibration.kind = CalibrationTransaction::Kind::abandon;
    send(calibration);
}

}  // namespace lightcard::control_chip
