// SPDX-License-Identifier: Apache-2.0
#include <csetjmp>
#include <cstddef>
#include <cstdio>
#include <cstring>

#include <jpeglib.h>
#include <png.h>

#include "lightcard/platform/cli/picture.h"

namespace lightcard::cli {

namespace {

constexpr std::uint64_t kMostPixels = std::uint64_t{1} << 26;

bool is_png(const Bytes& bytes)
{
    static constexpr std::uint8_t magic[] = {0x89, 'P', 'N', 'G', 0x0d, 0x0a, 0x1a, 0x0a};
    return bytes.size() >= sizeof magic && std::memcmp(bytes.data(), magic, sizeof magic) == 0;
}

bool is_jpeg(const Bytes& bytes)
{
    return bytes.size() >= 3 && bytes[0] == 0xff && bytes[1] == 0xd8 && bytes[2] == 0xff;
}

Picture from_rgb(const Bytes& rgb, int width, int height)
{
    return {width, height, 3, std::vector<float>(rgb.begin(), rgb.end())};
}

Result<Picture> decode_png(const Bytes& bytes, const std::string& path)
{
    png_image image{};
    image.version = PNG_IMAGE_VERSION;
    if (!png_image_begin_read_from_memory(&image, bytes.data(), bytes.size()))
        return Error{std::string("not a readable PNG: ") + image.message, path, ""};
    if (std::uint64_t{image.width} * image.height > kMostPixels) {
        png_image_free(&image);
        return Error{"picture is too large", path, "at most 2^26 pixels"};
    }
    image.format = PNG_FORMAT_RGB;
    Bytes rgb(PNG_IMAGE_SIZE(image));
    const png_color black{0, 0, 0};
    if (!png_image_finish_read(&image, &black, rgb.data(), 0, nullptr))
        return Error{std::string("not a readable PNG: ") + image.message, path, ""};
    return from_rgb(rgb, static_cast<int>(image.width), static_cast<int>(image.height));
}

/// libjpeg leaves by longjmp; nothing with a destructor lives between setjmp and here but what the caller owns.
struct JpegErrors {
    jpeg_error_mgr base;
    std::jmp_buf escape;
    char text[JMSG_LENGTH_MAX];
};

void jpeg_failed(j_common_ptr state)
{
    auto* errors = reinterpret_cast<JpegErrors*>(state->err);
    state->err->format_message(state, errors->text);
    std::longjmp(errors->escape, 1);
}

/// Decodes into `rgb`, which belongs to the caller. False: `errors.text` says why.
bool read_jpeg(const Bytes& bytes, JpegErrors& errors, Bytes& rgb, int& width, int& height)
{
    jpeg_decompress_struct state;
    state.err = jpeg_std_error(&errors.base);
    errors.base.error_exit = jpeg_failed;
    errors.base.emit_message = [](j_common_ptr, int) {};
    if (setjmp(errors.escape)) {
        jpeg_destroy_decompress(&state);
        return false;
    }
    jpeg_create_decompress(&state);
    jpeg_mem_src(&state, bytes.data(), bytes.size());
    jpeg_read_header(&state, TRUE);
    state.out_color_space = JCS_RGB;
    if (std::uint64_t{state.image_width} * state.image_height > kMostPixels) {
        std::snprintf(errors.text, sizeof errors.text, "more than 2^26 pixels");
        jpeg_destroy_decompress(&state);
        return false;
    }
    jpeg_start_decompress(&state);
    width = static_cast<int>(state.output_width);
    height = static_cast<int>(state.output_height);
    rgb.assign(std::size_t{state.output_width} * state.output_height * 3, 0);
    while (state.output_scanline < state.output_height) {
        JSAMPROW row = rgb.data() + std::size_t{state.output_scanline} * state.output_width * 3;
        jpeg_read_scanlines(&state, &row, 1);
    }
    jpeg_finish_decompress(&state);
    jpeg_destroy_decompress(&state);
    return true;
}

Result<Picture> decode_jpeg(const Bytes& bytes, const std::string& path)
{
    JpegErrors errors{};
    Bytes rgb;
    int width = 0, height = 0;
    if (!read_jpeg(bytes, errors, rgb, width, height))
        return Error{std::string("not a readable JPEG: ") + errors.text, path, ""};
    return from_rgb(rgb, width, height);
}

}  // namespace

bool looks_like_picture(const Bytes& bytes)
{
    return is_png(bytes) || is_jpeg(bytes);
}

Result<Picture> decode_picture(const Bytes& bytes, const std::string& path)
{
    if (is_png(bytes)) return decode_png(bytes, path);
    if (is_jpeg(bytes)) return decode_jpeg(bytes, path);
    return Error{"neither PNG nor JPEG", path, ""};
}

}  // namespace lightcard::cli
