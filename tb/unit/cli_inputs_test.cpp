// SPDX-License-Identifier: Apache-2.0
// What users hand in: idx, raw, picture and label files, whole and broken; and the closed forms behind `info`.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>

#include <jpeglib.h>
#include <png.h>

#include "lightcard/model/card/peak.h"
#include "lightcard/platform/cli/files.h"
#include "lightcard/platform/cli/inputs.h"
#include "lightcard/platform/cli/picture.h"
#include "lightcard/platform/cli/sustain.h"

namespace lightcard::cli {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;

class CliInputs : public testing::Test {
protected:
    CliInputs() : directory_(fs::temp_directory_path() / ("lightcard_inputs_" + std::to_string(getpid())))
    {
        fs::create_directories(directory_);
    }
    ~CliInputs() override { fs::remove_all(directory_); }

    std::string write(const std::string& name, const Bytes& bytes) const
    {
        const auto path = directory_ / name;
        std::ofstream(path, std::ios::binary)
            .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
        return path.string();
    }
    std::string write_text(const std::string& name, const std::string& text) const
    {
        return write(name, {text.begin(), text.end()});
    }
    std::string write_gzip(const std::string& name, const Bytes& bytes) const
    {
        const auto path = (directory_ / name).string();
        gzFile file = gzopen(path.c_str(), "wb");
        gzwrite(file, bytes.data(), static_cast<unsigned>(bytes.size()));
        gzclose(file);
        return path;
    }
    std::string path(const std::string& name) const { return (directory_ / name).string(); }

    fs::path directory_;
};

/// Two 1x2x3 images of bytes 0..11.
Bytes small_idx()
{
    Bytes bytes = {0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 3};
    for (std::uint8_t i = 0; i < 12; ++i) bytes.push_back(i);
    return bytes;
}

InputOptions options_for(int channels, int height, int width)
{
    InputOptions options;
    options.shape = {channels, height, width};
    return options;
}

TEST_F(CliInputs, IdxPlainAndGzip)
{
    for (const auto& file : {write("a.idx", small_idx()), write_gzip("b.gz", small_idx())}) {
        const auto inputs = read_inputs({file}, options_for(1, 2, 3));
        ASSERT_TRUE(inputs) << inputs.error().message();
        EXPECT_EQ(inputs->count, 2u);
        EXPECT_THAT(std::vector<float>(inputs->image(1), inputs->image(1) + 6), ElementsAre(6, 7, 8, 9, 10, 11));
    }
}

TEST_F(CliInputs, LimitAndSeveralFiles)
{
    const auto file = write("a.idx", small_idx());
    auto options = options_for(1, 2, 3);
    options.limit = 3;
    const auto inputs = read_inputs({file, file}, options);
    ASSERT_TRUE(inputs);
    EXPECT_EQ(inputs->count, 3u);
    EXPECT_EQ(inputs->image(2)[0], 0);
}

TEST_F(CliInputs, IdxOfOtherTypes)
{
    const auto floats = parse_idx({0, 0, 0x0d, 1, 0, 0, 0, 1, 0xbf, 0x80, 0, 0}, "f", 9);
    ASSERT_TRUE(floats);
    EXPECT_EQ(floats->values[0], -1.0f);
    const auto shorts = parse_idx({0, 0, 0x0b, 1, 0, 0, 0, 1, 0xff, 0xfe}, "s", 9);
    ASSERT_TRUE(shorts);
    EXPECT_EQ(shorts->values[0], -2.0f);
}

Bytes npy(const std::string& type, const std::string& shape, const Bytes& values)
{
    std::string header = "{'descr': '" + type + "', 'fortran_order': False, 'shape': " + shape + ", }";
    header.resize(118, ' ');
    const std::string text = std::string("\x93NUMPY\x01\0v\0", 10) + header + std::string(values.begin(), values.end());
    return {text.begin(), text.end()};
}

TEST_F(CliInputs, NumpyArraysOfImagesAndOfOne)
{
    InputOptions options;
    options.shape = {1, 1, 3};
    const auto several = read_inputs({write("a.npy", npy("|u1", "(2, 1, 1, 3)", {1, 2, 3, 4, 5, 6}))}, options);
    ASSERT_TRUE(several) << several.error().message();
    EXPECT_EQ(several->count, 2u);
    EXPECT_THAT(several->values, ElementsAre(1, 2, 3, 4, 5, 6));
    const auto one = read_inputs({write("b.npy", npy("<i2", "(3,)", {1, 0, 255, 255, 3, 0}))}, options);
    ASSERT_TRUE(one) << one.error().message();
    EXPECT_THAT(one->values, ElementsAre(1, -1, 3));
}

TEST_F(CliInputs, BrokenNumpyArraysNameTheFile)
{
    InputOptions options;
    options.shape = {1, 1, 3};
    const std::pair<Bytes, const char*> wrong[] = {{npy(">f4", "(3,)", Bytes(12)), "type is not known"},
                                                   {npy("|u1", "(9,)", Bytes(3)), "holds 3 of 9 values"},
                                                   {npy("|u1", "(3", Bytes(3)), "no shape"},
                                                   {npy("|u1", "(4294967295, 4294967295, 9)", {}), "too large"}};
    for (const auto& [bytes, text] : wrong) {
        const auto inputs = read_inputs({write("x.npy", bytes)}, options);
        ASSERT_FALSE(inputs) << text;
        EXPECT_THAT(inputs.error().message(), testing::AllOf(HasSubstr(text), HasSubstr("x.npy")));
    }
    Bytes cut = npy("|u1", "(3,)", Bytes(3));
    cut.resize(40);
    EXPECT_THAT(read_inputs({write("x.npy", cut)}, options).error().message(), HasSubstr("header is damaged"));
}

TEST_F(CliInputs, DirectoriesAreTakenInOrderOfName)
{
    fs::create_directories(directory_ / "images");
    write("images/b.u8", {4, 5, 6});
    write("images/a.u8", {1, 2, 3});
    write_text("images/labels.csv", "a.u8,1");
    InputOptions options;
    options.shape = {1, 1, 3};
    const auto inputs = read_inputs({path("images")}, options);
    ASSERT_TRUE(inputs) << inputs.error().message();
    EXPECT_THAT(inputs->values, ElementsAre(1, 2, 3, 4, 5, 6));
    fs::create_directories(directory_ / "empty");
    EXPECT_THAT(read_inputs({path("empty")}, options).error().message(), HasSubstr("no inputs"));
}

TEST_F(CliInputs, BrokenIdxNamesTheFile)
{
    auto cut = small_idx();
    cut.pop_back();
    EXPECT_THAT(read_inputs({write("cut", cut)}, options_for(1, 2, 3)).error().message(),
                HasSubstr("promises 12 bytes of data, the file has 11"));
    EXPECT_THAT(read_inputs({write("hdr", {0, 0, 8, 3, 0, 0, 0, 2})}, options_for(1, 2, 3)).error().message(),
                HasSubstr("cut off"));
    const Bytes huge = {0, 0, 8, 3, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255};
    EXPECT_THAT(read_inputs({write("huge", huge)}, options_for(1, 2, 3)).error().message(), HasSubstr("too large"));
    EXPECT_THAT(read_inputs({write("a.idx", small_idx())}, options_for(1, 28, 28)).error().message(),
                HasSubstr("images are 2x3, the network takes 1x28x28"));
    EXPECT_THAT(read_inputs({path("nothing.idx")}, options_for(1, 2, 3)).error().message(),
                HasSubstr("nothing.idx: cannot read: No such file"));
    EXPECT_THAT(read_inputs({write_text("story.txt", "once upon a time")}, options_for(1, 2, 3)).error().message(),
                HasSubstr("not a format that is known"));
}

TEST_F(CliInputs, DamagedGzipIsAnError)
{
    write_gzip("whole.gz", Bytes(100'000, 7));
    auto bytes = *[&] {
        std::ifstream in(path("whole.gz"), std::ios::binary);
        return std::optional<Bytes>(Bytes(std::istreambuf_iterator<char>(in), {}));
    }();
    bytes.resize(bytes.size() / 2);
    EXPECT_FALSE(read_file(write("half.gz", bytes)).ok());
    bytes[bytes.size() - 1] ^= 0xff;
    EXPECT_FALSE(read_file(write("wrong.gz", bytes)).ok());
}

TEST_F(CliInputs, RawTypesAndLayouts)
{
    const float values[] = {1.5f, -2.0f, 3.0f, 4.0f};
    Bytes bytes(sizeof values);
    std::memcpy(bytes.data(), values, sizeof values);
    auto inputs = read_inputs({write("x.f32", bytes)}, options_for(2, 1, 2));
    ASSERT_TRUE(inputs);
    EXPECT_THAT(inputs->values, ElementsAre(1.5f, -2, 3, 4));

    auto options = options_for(2, 1, 2);
    options.layout = Layout::nhwc;
    inputs = read_inputs({write("x.u8", {1, 2, 3, 250})}, options);
    ASSERT_TRUE(inputs);
    EXPECT_THAT(inputs->values, ElementsAre(1, 3, 2, 250));

    options = options_for(1, 1, 2);
    inputs = read_inputs({write_gzip("x.s8.gz", {255, 2})}, options);
    ASSERT_TRUE(inputs);
    EXPECT_THAT(inputs->values, ElementsAre(-1, 2));

    options.element = Element::s8;
    inputs = read_inputs({write("y.bin", {254, 2})}, options);
    ASSERT_TRUE(inputs);
    EXPECT_EQ(inputs->values[0], -2);
    EXPECT_THAT(read_inputs({write("z.f32", bytes)}, options_for(1, 1, 3)).error().message(),
                HasSubstr("has 16 bytes, not a multiple of the 12"));
    EXPECT_FALSE(read_inputs({write("e.f32", {})}, options_for(1, 1, 3)).ok());
}

TEST_F(CliInputs, PreprocessesAChannelAtATime)
{
    auto options = options_for(2, 1, 1);
    options.preprocess = {0.5, {1, 2}, {1, 4}};
    const auto inputs = read_inputs({write("x.u8", {10, 20})}, options);
    ASSERT_TRUE(inputs);
    EXPECT_THAT(inputs->values, ElementsAre(4, 2));
}

Bytes png_of(const Bytes& rgb, unsigned width, unsigned height)
{
    png_image image{};
    image.version = PNG_IMAGE_VERSION;
    image.width = width;
    image.height = height;
    image.format = PNG_FORMAT_RGB;
    png_alloc_size_t size = 0;
    png_image_write_to_memory(&image, nullptr, &size, 0, rgb.data(), 0, nullptr);
    Bytes png(size);
    png_image_write_to_memory(&image, png.data(), &size, 0, rgb.data(), 0, nullptr);
    png.resize(size);
    return png;
}

Bytes jpeg_of(const Bytes& rgb, unsigned width, unsigned height)
{
    jpeg_compress_struct state;
    jpeg_error_mgr errors;
    state.err = jpeg_std_error(&errors);
    jpeg_create_compress(&state);
    unsigned char* memory = nullptr;
    unsigned long size = 0;
    jpeg_mem_dest(&state, &memory, &size);
    state.image_width = width;
    state.image_height = height;
    state.input_components = 3;
    state.in_color_space = JCS_RGB;
    jpeg_set_defaults(&state);
    jpeg_set_quality(&state, 100, TRUE);
    jpeg_start_compress(&state, TRUE);
    while (state.next_scanline < height) {
        auto* row = const_cast<JSAMPLE*>(rgb.data() + std::size_t{state.next_scanline} * width * 3);
        jpeg_write_scanlines(&state, &row, 1);
    }
    jpeg_finish_compress(&state);
    const Bytes bytes(memory, memory + size);
    jpeg_destroy_compress(&state);
    std::free(memory);
    return bytes;
}

TEST_F(CliInputs, PicturesKeepTheirColours)
{
    Bytes rgb;
    for (int i = 0; i < 16 * 16; ++i) rgb.insert(rgb.end(), {200, 100, 50});
    for (const auto& file : {write("p.png", png_of(rgb, 16, 16)), write("p.jpg", jpeg_of(rgb, 16, 16))}) {
        const auto inputs = read_inputs({file}, options_for(3, 8, 8));
        ASSERT_TRUE(inputs) << inputs.error().message();
        ASSERT_EQ(inputs->values.size(), 3u * 64);
        EXPECT_NEAR(inputs->values[0], 200, 2);
        EXPECT_NEAR(inputs->values[64], 100, 2);
        EXPECT_NEAR(inputs->values[191], 50, 2);
        EXPECT_EQ(inputs->names.size(), 1u);
    }
}

TEST_F(CliInputs, BrokenPicturesAreErrors)
{
    Bytes rgb(32 * 32 * 3, 9);
    for (auto bytes : {png_of(rgb, 32, 32), jpeg_of(rgb, 32, 32)}) {
        bytes.resize(20);
        const auto inputs = read_inputs({write("cut.pic", bytes)}, options_for(3, 8, 8));
        ASSERT_FALSE(inputs);
        EXPECT_THAT(inputs.error().message(), HasSubstr("cut.pic: not a readable"));
    }
    const auto inputs = read_inputs({write("p.png", png_of(rgb, 32, 32))}, options_for(7, 8, 8));
    EXPECT_THAT(inputs.error().message(), HasSubstr("1 or 3 channels"));
}

TEST(Picture, CoversAndCropsTheCentre)
{
    Picture wide{4, 2, 1, {0, 1, 2, 3, 4, 5, 6, 7}};
    const auto same = fit_picture(wide, 2, 2);
    EXPECT_THAT(same.values, ElementsAre(1, 2, 5, 6));
}

TEST(Picture, ShrinkingAverages)
{
    Picture stripes{64, 64, 1, {}};
    for (int i = 0; i < 64 * 64; ++i) stripes.values.push_back(i % 2 ? 255.0f : 0.0f);
    const auto small = fit_picture(stripes, 8, 8);
    for (const float value : small.values) EXPECT_NEAR(value, 127.5, 8);
}

TEST(Picture, EnlargingKeepsAConstant)
{
    const Picture grey{3, 5, 1, std::vector<float>(15, 42.0f)};
    for (const float value : fit_picture(grey, 17, 9).values) EXPECT_NEAR(value, 42, 1e-4);
    EXPECT_EQ(fit_picture(grey, 3, 3, 30).values.size(), 9u);
}

TEST(Picture, ChannelsConvert)
{
    const Picture colour{1, 1, 3, {100, 200, 50}};
    EXPECT_NEAR(with_channels(colour, 1).values[0], 0.299 * 100 + 0.587 * 200 + 0.114 * 50, 1e-3);
    EXPECT_THAT(with_channels({1, 1, 1, {7}}, 3).values, ElementsAre(7, 7, 7));
}

TEST_F(CliInputs, LabelsInEveryForm)
{
    EXPECT_THAT(read_labels(write("l.idx", {0, 0, 8, 1, 0, 0, 0, 3, 7, 2, 1}))->values, ElementsAre(7, 2, 1));
    EXPECT_THAT(read_labels(write("l.u8", {4, 0, 9}))->values, ElementsAre(4, 0, 9));
    EXPECT_THAT(read_labels(write_text("l.txt", "3\n1\n\n2\n"))->values, ElementsAre(3, 1, 2));
    const auto csv = read_labels(write_text("l.csv", "file,label,name\na.png,20,bird\nb.png,286,cat\n"));
    ASSERT_TRUE(csv);
    EXPECT_THAT(csv->values, ElementsAre(20, 286));
    EXPECT_THAT(*csv->for_images({"/x/b.png", "a.png"}, 2), ElementsAre(286, 20));
    EXPECT_THAT(csv->for_images({"c.png"}, 1).error().message(), HasSubstr("c.png: no label"));
}

TEST_F(CliInputs, WrongLabelsAreErrors)
{
    EXPECT_THAT(read_labels(write_text("w.txt", "cat\ndog\n")).error().message(),
                HasSubstr("no column of label numbers"));
    EXPECT_THAT(read_labels(write_text("e.txt", "")).error().message(), HasSubstr("no labels"));
    EXPECT_THAT(read_labels(write("img.idx", small_idx())).error().message(), HasSubstr("3 dimensions"));
    const auto few = read_labels(write("f.u8", {1}));
    EXPECT_THAT(few->for_images({}, 2).error().message(), HasSubstr("1 labels for 2 images"));
}

TEST(Numbers, RatiosAndLists)
{
    EXPECT_DOUBLE_EQ(*parse_ratio("1/255"), 1.0 / 255);
    EXPECT_DOUBLE_EQ(*parse_ratio("-0.5"), -0.5);
    for (const char* wrong : {"", "x", "1/0", "1/", "1/2/3", "1 2", "nan"})
        EXPECT_FALSE(parse_ratio(wrong).ok()) << wrong;
    EXPECT_THAT(*parse_list("0.5,1/4"), ElementsAre(0.5, 0.25));
    EXPECT_FALSE(parse_list("").ok());
    EXPECT_FALSE(parse_list("1,,2").ok());
}

// --- closed forms of `info`: the published worked example and tile counts ------------------------------------------

TEST(Sustain, ResNet50FromItsLayers)
{
    const auto work = resnet50(128);
    EXPECT_EQ(work.tiles, 1576u);
    EXPECT_EQ(work.tile_vectors, 314'512u);
    EXPECT_NEAR(static_cast<double>(work.macs), 4.089e9, 0.001e9);
    EXPECT_NEAR(static_cast<double>(resnet50(64).tile_vectors), 1007e3, 1e3);
    EXPECT_NEAR(static_cast<double>(resnet50(256).tile_vectors), 128.8e3, 0.1e3);
    EXPECT_NEAR(static_cast<double>(resnet50(512).tile_vectors), 86.6e3, 0.1e3);
}

TEST(Sustain, ReferenceCardWritesFor2SecondsAPass)
{
    const auto card = default_card();
    EXPECT_DOUBLE_EQ(peak_mvm_rate(card), 52e9);
    EXPECT_NEAR(tile_write_seconds(card), 1.28e-3, 1e-12);
    EXPECT_NEAR(1576 / tiles_per_second(card), 2.017, 0.001);
    const auto bound = image_rate(card, resnet50(128), 256);
    EXPECT_NEAR(bound.images_per_second, 126.9, 0.1);
    EXPECT_EQ(bound.engine, "weight writer");
    EXPECT_NEAR(1e6 / bound.writes_per_cell / 60, 43, 0.5);  // minutes of life at 1e6 cycles
}

TEST(Sustain, ResidentWeightsMoveTheLimit)
{
    auto card = default_card();
    card.pcm.banks = 2048;
    const auto bound = image_rate(card, resnet50(128), 1);
    EXPECT_NE(bound.engine, "weight writer");
    EXPECT_EQ(bound.writes_per_cell, 0);
    EXPECT_LE(bound.images_per_second, 52e9 / 314'512);
    card.control.vector_rate *= 1000;
    card.control.sram_bandwidth *= 1000;
    card.memory.bandwidth *= 1000;
    EXPECT_NEAR(image_rate(card, resnet50(128), 1).images_per_second, 52e9 / 314'512, 1);
}

TEST(Sustain, LinkTakesHeadersOff)
{
    EXPECT_NEAR(link_rate(default_card()) * 1e-9, 28.8, 0.05);
}

TEST(Sustain, SensitivitiesComeFromDeclaredRanges)
{
    const auto card = load_card("lc128");
    ASSERT_TRUE(card) << card.error().message();
    const auto moves = sensitivities(*card, resnet50(128), 256);
    ASSERT_FALSE(moves.empty());
    for (std::size_t i = 1; i < moves.size(); ++i)
        EXPECT_GE(std::fabs(std::log(moves[i - 1].factor)), std::fabs(std::log(moves[i].factor)));
    const auto slot = std::find_if(moves.begin(), moves.end(),
                                   [](const auto& m) { return m.path == "card.pcm.write_slot" && m.factor < 1; });
    ASSERT_NE(slot, moves.end());
    EXPECT_NEAR(slot->factor, 0.02, 1e-9);  // 10 us -> 500 us, bound by writing
}

}  // namespace
}  // namespace lightcard::cli
