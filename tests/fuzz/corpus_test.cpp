// Every seed and every input of the committed corpora, run as libFuzzer would run it.
#include "dm/core/log.hpp"
#include "tests/fuzz/guard.hpp"
#include "tests/fuzz/script.hpp"

#include <gtest/gtest.h>

namespace dm::fuzz {

void PrintTo(const Target* target, std::ostream* out) { // NOLINT: GoogleTest's name
    *out << target->name;
}

namespace {

constexpr const char* kSeeds = "tests/fuzz/seeds";
constexpr const char* kCorpora = "tests/fuzz/corpus";

class Corpus : public testing::TestWithParam<const Target*> {
protected:
    static void SetUpTestSuite() {
        Log::set_sink([](LogLevel, std::string_view) {});
        start_guard();
    }
    static void TearDownTestSuite() { Log::set_sink({}); }
    ~Corpus() override { set_context({}); }

    static void run(const std::filesystem::path& file, std::span<const u8> input) {
        set_context(file.string());
        GetParam()->run(*GetParam(), input);
    }
    static std::filesystem::path seeds() { return std::filesystem::path(kSeeds) / GetParam()->name; }
    static std::filesystem::path corpus() { return std::filesystem::path(kCorpora) / GetParam()->name; }
};

TEST_P(Corpus, SeedsFindNothing) {
    const auto files = files_in(seeds());
    EXPECT_FALSE(files.empty()) << seeds() << " holds nothing";
    for (const std::filesystem::path& file : files) {
        Result<std::vector<u8>> input = load_seed(*GetParam(), file);
        ASSERT_TRUE(input.ok()) << input.error().message;
        run(file, *input);
    }
}

TEST_P(Corpus, KnownInputsFindNothing) {
    const auto files = files_in(corpus());
    EXPECT_FALSE(files.empty()) << corpus() << " holds nothing";
    for (const std::filesystem::path& file : files) {
        Result<std::vector<u8>> input = load_file(file);
        ASSERT_TRUE(input.ok()) << input.error().message;
        run(file, *input);
    }
}

TEST_P(Corpus, AnEmptyInputAndALongOneFindNothing) {
    run("an empty input", {});
    for (const u8 byte : {u8{0x00}, u8{0x55}, u8{0xff}})
        run("4096 equal bytes", std::vector<u8>(4096, byte));
}

INSTANTIATE_TEST_SUITE_P(Of, Corpus, testing::ValuesIn(all_targets()), [](const auto& of) {
    std::string name(of.param->name);
    std::replace(name.begin(), name.end(), '-', '_');
    return name;
});

/// The text of all files whose path ends so.
std::string text_of(const std::filesystem::path& folder, std::string_view ending) {
    std::string text;
    for (const std::filesystem::path& file : files_in(folder)) {
        if (!file.string().ends_with(ending)) continue;
        Result<std::vector<u8>> bytes = load_file(file);
        if (bytes.ok()) text.append(bytes->begin(), bytes->end());
    }
    return text;
}

TEST(FuzzTargets, AreThereForEveryRigOfADevice) {
    const std::filesystem::path devices = "tests/devices";
    const std::string users = text_of("tests/fuzz", "_fuzz.cpp") + text_of(devices, "_rig.hpp");
    unsigned rigs = 0;
    for (const std::filesystem::path& file : files_in(devices)) {
        if (!file.string().ends_with("_rig.hpp")) continue;
        ++rigs;
        EXPECT_NE(users.find("#include \"" + file.string() + "\""), std::string::npos)
            << "no fuzz target drives " << file;
    }
    EXPECT_GT(rigs, 10U);
}

} // namespace
} // namespace dm::fuzz
