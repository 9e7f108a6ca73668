// SPDX-License-Identifier: Apache-2.0
/// lightcard-genregs: writes what is made from the register table.
///
///   lightcard-genregs header    > model/control_chip/lightcard_regs.h
///   lightcard-genregs datasheet > docs/registers.md
#include <cstdio>
#include <string>

#include "lightcard/model/common/register_documents.h"
#include "lightcard/model/control_chip/register_table.h"

int main(int argc, char** argv)
{
    using namespace lightcard;
    const std::string what = argc == 2 ? argv[1] : "";
    const RegisterTable& table = control_chip::register_table();
    const auto complaints = validate(table);
    for (const auto& complaint : complaints) std::fprintf(stderr, "lightcard-genregs: %s\n", complaint.c_str());
    if (!complaints.empty()) return 1;

    std::string text;
    if (what == "header") text = c_header(table, "LIGHTCARD_REGS_H");
    if (what == "datasheet") text = data_sheet(table);
    if (text.empty()) {
        std::fprintf(stderr, "usage: lightcard-genregs header|datasheet\n");
        return 2;
    }
    const bool written = std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0;
    return written ? 0 : 1;
}
