// SPDX-License-Identifier: Apache-2.0
/// What the control socket's commands do to a served card. Requests come from the socket's thread; the card is touched
/// on the kernel's thread only, between two stretches of simulation, so a busy or a paused model is as good as an idle
/// one.
#pragma once

#include <chrono>
#include <string>

#include "lightcard/model/card/card.h"
#include "lightcard/platform/vfio_user/card_device.h"
#include "lightcard/platform/vfio_user/control_request.h"
#include "lightcard/platform/vfio_user/kernel_loop.h"

namespace lightcard::vfio_user {

class CardControl {
public:
    static constexpr std::chrono::seconds kAnswerTime{60};  ///< the kernel's, for one request

    CardControl(Card& card, KernelLoop& loop, CardDevice& device) : card_(card), loop_(loop), device_(device) {}

    /// Any thread but the kernel's. The answer, one line.
    std::string handle(const ControlRequest& request);

private:
    Card& card_;
    KernelLoop& loop_;
    CardDevice& device_;
};

}  // namespace lightcard::vfio_user
