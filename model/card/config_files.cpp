// SPDX-License-Identifier: Apache-2.0
#include "lightcard/model/card/config_files.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <vector>

#include "lightcard/model/card/config.h"
#include "lightcard/model/common/suggest.h"

namespace lightcard {

namespace fs = std::filesystem;

std::vector<std::string> config_directories()
{
    std::vector<std::string> directories;
    const char* variable = std::getenv("LIGHTCARD_CONFIGS");
    std::string list = variable ? variable : "";
    while (!list.empty()) {
        const std::size_t end = std::min(list.find(':'), list.size());
        if (end > 0) directories.push_back(list.substr(0, end));
        list.erase(0, end + 1);
    }
    directories.emplace_back(LIGHTCARD_CARDS_SOURCE_DIR);
    directories.emplace_back(LIGHTCARD_CARDS_INSTALL_DIR);
    return directories;
}

namespace config {

namespace {

bool is_path(const std::string& text)
{
    const std::string extension = fs::path(text).extension().string();
    return text.find('/') != std::string::npos || extension == ".yaml" || extension == ".yml";
}

bool is_there(const fs::path& path)
{
    std::error_code ignored;
    return fs::exists(path, ignored);
}

std::vector<std::string> names_in(const std::vector<std::string>& directories)
{
    std::vector<std::string> names;
    for (const std::string& directory : directories) {
        std::error_code code;
        for (fs::directory_iterator it(directory, code), end; !code && it != end; it.increment(code)) {
            if (it->path().extension() == ".yaml") names.push_back(it->path().stem().string());
        }
    }
    std::sort(names.begin(), names.end());
    names.erase(std::unique(names.begin(), names.end()), names.end());
    return names;
}

/// `kind`: "card" or "device", for messages; `example`: a name of that kind.
Result<std::string> find_file(const std::string& kind, const std::string& example, const std::string& name_or_path,
                              const std::string& base, std::vector<std::string> directories)
{
    if (name_or_path.empty()) return Error{"no " + kind + " is named", "", "for example " + example};
    if (name_or_path.size() > 4096 || name_or_path.find('\0') != std::string::npos) {
        return Error{"the " + kind + "'s name is not a name or a path", "", "for example " + example};
    }
    if (is_path(name_or_path)) {
        const fs::path path = fs::path(base) / name_or_path;  // an absolute name replaces the base
        if (is_there(path)) return path.string();
        return Error{"no such file '" + path.string() + "'", "", "a path, or the name of a shipped " + kind};
    }
    if (!base.empty()) directories.insert(directories.begin(), base);
    for (const std::string& directory : directories) {
        const fs::path path = fs::path(directory) / (name_or_path + ".yaml");
        if (is_there(path)) return path.string();
    }
    return Error{"no " + kind + " '" + name_or_path + "'", "", did_you_mean(name_or_path, names_in(directories))};
}

}  // namespace

Result<std::string> find_card(const std::string& name_or_path, const std::string& base)
{
    return find_file("card", "lc128", name_or_path, base, config_directories());
}

Result<std::string> find_device(const std::string& name_or_path, const std::string& base)
{
    std::vector<std::string> directories;
    for (const std::string& cards : config_directories())
        directories.push_back((fs::path(cards) / ".." / "devices").lexically_normal().string());
    return find_file("device", "sb2se3", name_or_path, base, std::move(directories));
}

Result<std::string> find_faults(const std::string& name_or_path)
{
    std::vector<std::string> directories;
    for (const std::string& cards : config_directories())
        directories.push_back((fs::path(cards) / ".." / "faults").lexically_normal().string());
    return find_file("fault scenario", "interrupts", name_or_path, "", std::move(directories));
}

Result<std::string> read_file(const std::string& path, std::size_t limit)
{
    std::error_code code;
    if (!fs::is_regular_file(path, code)) return Error{"not a regular file", path, ""};
    std::ifstream stream(path, std::ios::binary);
    if (!stream) return Error{"cannot be read", path, ""};
    std::string bytes(limit + 1, '\0');
    stream.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    bytes.resize(static_cast<std::size_t>(stream.gcount()));
    if (stream.bad()) return Error{"cannot be read", path, ""};
    if (bytes.size() > limit)
        return Error{"file is too large", path, "at most " + std::to_string(limit / 1024) + " KiB"};
    return bytes;
}

std::string canonical_path(const std::string& path)
{
    std::error_code code;
    const fs::path canonical = fs::canonical(path, code);
    return code ? path : canonical.string();
}

std::string directory_of(const std::string& path)
{
    const fs::path parent = fs::path(path).parent_path();
    return parent.empty() ? "." : parent.string();
}

std::string stem_of(const std::string& path)
{
    return fs::path(path).stem().string();
}

}  // namespace config
}  // namespace lightcard
