// SPDX-License-Identifier: Apache-2.0
/// The electronics on both sides of the light: DAC array with modulators in front of a core, balanced receivers
/// with ADC array behind it. MVM transactions pass through them; each books its samples.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <tlm_utils/simple_initiator_socket.h>
#include <tlm_utils/simple_target_socket.h>
#include <systemc>

#include "lightcard/model/common/services.h"
#include "lightcard/model/common/transactions.h"
#include "lightcard/model/converters/parameters.h"

namespace lightcard::converters {

class DacArray : public sc_core::sc_module {
public:
    tlm_utils::simple_target_socket<DacArray> in;        ///< codes, from the control chip
    tlm_utils::simple_initiator_socket<DacArray> light;  ///< to the photonic core

    DacArray(sc_core::sc_module_name name, const std::string& path, const Parameters& parameters, Services& services);

private:
    void b_transport(tlm::tlm_generic_payload& payload, sc_core::sc_time& delay);

    Services& services_;
    AccountId dac_account_, modulator_account_, calibration_dac_account_, calibration_modulator_account_;
};

class AdcArray : public sc_core::sc_module {
public:
    tlm_utils::simple_target_socket<AdcArray> light;  ///< from the photonic core

    AdcArray(sc_core::sc_module_name name, std::uint32_t core, const std::string& path, const Parameters& parameters,
             Services& services);

    /// Columns, and what is added to their sums: weight code x input code.
    using Offsets = std::vector<std::pair<std::uint32_t, std::int64_t>>;

    /// A calibration has taken an offset off this column's converter.
    bool trimmed(std::uint32_t column) const { return registers_.count(column) != 0; }
    void power_lost() { registers_.clear(); }

    template <class Archive>
    void visit(Archive& archive)
    {
        archive.field("registers", registers_);
        archive.field("lsb", lsb_);
        if constexpr (Archive::reading) measured_.clear();
    }

private:
    void b_transport(tlm::tlm_generic_payload& payload, sc_core::sc_time& delay);
    void in_chunks(std::uint32_t chunks, const std::function<void(std::uint32_t)>& work);
    MvmProduct product(const MvmTransaction& mvm) const;
    /// Of columns whose converter is off by a constant, or whose register takes one off.
    Offsets offsets(const MvmTransaction& mvm) const;
    void calibrate(const CalibrationTransaction& calibration);
    /// [column] what its converter is off by now, registers left aside: weight code x input code.
    std::map<std::uint64_t, std::int64_t> shifts() const;

    const std::uint32_t core_;
    Services& services_;
    std::vector<photonic_core::MvmStats> stats_;                  ///< of the chunks of a batch
    std::map<std::uint64_t, std::int64_t> registers_, measured_;  ///< [column] taken off; of a calibration under way
    std::vector<double> lsb_;                                     ///< [column] of its range at the last product
    AccountId receiver_account_, adc_account_, calibration_receiver_account_, calibration_adc_account_;
};

}  // namespace lightcard::converters
