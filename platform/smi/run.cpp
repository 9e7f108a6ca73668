// SPDX-License-Identifier: Apache-2.0
#include <chrono>
#include <cstdio>
#include <fstream>

#include "lightcard/model/common/crc32.h"
#include "lightcard/platform/driver/program_runner.h"
#include "lightcard/platform/smi/commands.h"

namespace lightcard::smi {

namespace {

Result<std::vector<std::uint8_t>> read_file(const std::string& path)
{
    std::ifstream file(path, std::ios::binary);
    if (!file) return Error{"cannot be read", path, ""};
    std::vector<std::uint8_t> bytes((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
    if (file.bad()) return Error{"cannot be read", path, ""};
    return bytes;
}

/// Images in the file, or as many of them as were asked for.
Result<std::uint64_t> count_images(const driver::Program& program, std::uint64_t bytes, std::uint64_t wanted,
                                   const std::string& path)
{
    if (program.inputs.size() != 1)
        return Error{"takes " + std::to_string(program.inputs.size()) + " inputs", "network '" + program.network + "'",
                     "one"};
    const auto size = program.inputs[0].bytes_per_image;
    if (bytes == 0 || bytes % size != 0)
        return Error{std::to_string(bytes) + " bytes", path, "images of " + std::to_string(size) + " bytes"};
    if (wanted > bytes / size)
        return Error{std::to_string(bytes / size) + " images", path, "--images " + std::to_string(wanted)};
    return wanted == 0 ? bytes / size : wanted;
}

struct Job {
    std::string program, inputs, outputs;
    std::uint64_t images = 0, depth = 2;
};

Result<Job> read_job(Arguments& arguments)
{
    Job job;
    const auto inputs = arguments.option("--inputs");
    job.outputs = arguments.option("--outputs").value_or("");
    const auto images = arguments.number("--images", 0, 1, 1u << 30);
    if (!images) return images.error();
    const auto depth = arguments.number("--depth", 2, 1, 64);
    if (!depth) return depth.error();
    const auto program = arguments.word();
    if (!program) return Error{"run needs a program file", "", "see lightcard-smi --help"};
    if (!inputs) return Error{"run needs --inputs FILE", "", "see lightcard-smi --help"};
    if (auto rest = arguments.rest(); !rest) return rest.error();
    job.program = *program;
    job.inputs = *inputs;
    job.images = *images;
    job.depth = *depth;
    return job;
}

int run(KernelDevice& card, const Job& job)
{
    const auto program = driver::read_program_file(job.program);
    if (!program) return fail(program.error());
    const auto codes = read_file(job.inputs);
    if (!codes) return fail(codes.error());
    const auto images = count_images(*program, codes->size(), job.images, job.inputs);
    if (!images) return fail(images.error());

    driver::RunnerOptions options;
    options.depth = static_cast<std::uint32_t>(job.depth);
    driver::ProgramRunner runner(card, *program, options);
    if (auto loaded = runner.load(); !loaded) return fail(loaded.error());
    std::vector<std::vector<std::uint8_t>> buffers;
    std::vector<std::uint8_t*> outputs;
    for (const auto& tensor : program->outputs) buffers.emplace_back(tensor.bytes_per_image * *images);
    for (auto& buffer : buffers) outputs.push_back(buffer.data());
    const auto start = std::chrono::steady_clock::now();
    const auto times = runner.run({codes->data()}, outputs, *images);
    if (!times) return fail(times.error());
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();

    std::printf("%s: %llu images in %zu batches, %.3f s, output %zu bytes, crc32 %08x\n", program->network.c_str(),
                static_cast<unsigned long long>(*images), times->size(), seconds, buffers[0].size(),
                crc32(buffers[0].data(), buffers[0].size()));
    if (job.outputs.empty()) return kOk;
    std::ofstream file(job.outputs, std::ios::binary);
    file.write(reinterpret_cast<const char*>(buffers[0].data()), static_cast<std::streamsize>(buffers[0].size()));
    file.close();
    return file ? kOk : fail({"cannot be written", job.outputs, ""});
}

}  // namespace

int run_program(KernelDevice& card, Arguments& arguments)
{
    const auto job = read_job(arguments);
    return job ? run(card, *job) : fail(job.error(), kUsage);
}

}  // namespace lightcard::smi
