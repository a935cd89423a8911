#include "dm/core/device.hpp"
#include "dm/core/state.hpp"

#include <gmock/gmock.h>

namespace dm {
namespace {

using testing::HasSubstr;

enum class Phase : u8 { Idle, Data, Status };
enum class Flag : u16 { A = 1, B = 0x8000 };

struct Inner {
    u8 x = 0;
    u32 y = 0;
    bool operator==(const Inner&) const = default;
    static constexpr void fields(auto&& v, auto& s) {
        v("x", s.x);
        v("y", s.y);
    }
};
static_assert(covers_every_field<Inner>);

/// Every kind of member there is.
struct Everything {
    u8 byte = 0;
    u16 word = 0;
    u64 wide = 0;
    s32 negative = 0;
    bool truth = false;
    Phase phase = Phase::Idle;
    Bits<Flag> flags;
    std::optional<u64> deadline;
    Fifo<u8, 8> bytes;
    Fifo<u16, 4> words;
    Fifo<Inner, 3> queue;
    std::array<u8, 5> block{};
    std::array<u32, 3> table{};
    std::array<Inner, 2> units{};
    Inner inner;
    bool operator==(const Everything&) const = default;
    static constexpr void fields(auto&& v, auto& s) {
        v("byte", s.byte);
        v("word", s.word);
        v("wide", s.wide);
        v("negative", s.negative);
        v("truth", s.truth);
        v("phase", s.phase);
        v("flags", s.flags);
        v("deadline", s.deadline);
        v("bytes", s.bytes);
        v("words", s.words);
        v("queue", s.queue);
        v("block", s.block);
        v("table", s.table);
        v("units", s.units);
        v("inner", s.inner);
    }
};
static_assert(covers_every_field<Everything>);

struct Forgetful {
    u8 named = 0;
    u8 forgotten = 0;
    static constexpr void fields(auto&& v, auto& s) { v("named", s.named); }
};
static_assert(!covers_every_field<Forgetful>);

Everything sample() {
    Everything e;
    e.byte = 0x12;
    e.word = 0x3456;
    e.wide = 0x1122334455667788;
    e.negative = -5;
    e.truth = true;
    e.phase = Phase::Status;
    e.flags = Bits<Flag>{Flag::A} | Flag::B;
    e.deadline = 77;
    e.bytes.push(1);
    e.bytes.push(2);
    e.words.push(0xbeef);
    e.queue.push({3, 4});
    e.queue.push({5, 6});
    e.block = {9, 8, 7, 6, 5};
    e.table = {1, 0xffffffff, 3};
    e.units = {Inner{1, 2}, Inner{3, 4}};
    e.inner = {0xaa, 0xbbbbbbbb};
    return e;
}

template <class S> std::vector<u8> image_of(const S& state, std::string_view name = "dev") {
    StateWriter writer;
    writer.section(name, state);
    return std::move(writer).take();
}

/// Loads as a machine does: the section, and then the check that nothing is left over.
template <class S> Status load(std::span<const u8> image, S& state, std::string_view name = "dev") {
    DM_TRY_ASSIGN(StateReader reader, StateReader::open(image));
    DM_TRY(reader.section(name, state));
    return reader.finish();
}

template <class S> std::string why(std::span<const u8> image) {
    S state{};
    const Status status = load(image, state);
    return status.ok() ? "" : status.error().message;
}

// Images of whatever somebody makes up.
struct Forge {
    std::vector<u8> bytes;
    Forge& number(u64 value, unsigned width) {
        for (unsigned i = 0; i < width; ++i)
            bytes.push_back(byte_of(value, i));
        return *this;
    }
    Forge& record(std::string_view name, char kind, const std::vector<u8>& payload) {
        number(name.size(), 1);
        bytes.insert(bytes.end(), name.begin(), name.end());
        number(static_cast<u8>(kind), 1).number(payload.size(), 4);
        bytes.insert(bytes.end(), payload.begin(), payload.end());
        return *this;
    }
};
std::vector<u8> forged(const std::vector<u8>& body, u32 version = kStateVersion) {
    Forge f;
    for (const char c : std::string_view("HVMDM-ST"))
        f.number(static_cast<u8>(c), 1);
    f.number(version, 4);
    f.bytes.insert(f.bytes.end(), body.begin(), body.end());
    return f.bytes;
}
std::vector<u8> forged_device(const Forge& members) {
    return forged(Forge{}.record("dev", 's', members.bytes).bytes);
}

TEST(State, EveryKindOfMemberSurvivesTheRoundTrip) {
    Everything loaded;
    const Status status = load(image_of(sample()), loaded);
    ASSERT_TRUE(status.ok()) << status.error().message;
    EXPECT_EQ(loaded, sample());
}

struct Grown {
    u8 named = 0;
    u16 later = 5;
    bool operator==(const Grown&) const = default;
    static constexpr void fields(auto&& v, auto& s) {
        v("named", s.named);
        v("later", s.later, kAddedLater);
    }
};
static_assert(covers_every_field<Grown>);

TEST(State, AMemberAddedLaterMayBeMissingButNotWrong) {
    Grown loaded;
    ASSERT_TRUE(load(image_of(Grown{1, 2}), loaded).ok());
    EXPECT_EQ(loaded, (Grown{1, 2}));
    loaded = {};
    const std::vector<u8> before = image_of(Forgetful{3, 0});
    ASSERT_TRUE(load(before, loaded).ok());
    EXPECT_EQ(loaded, (Grown{3, 5}));
    EXPECT_THAT(why<Grown>(forged_device(Forge{}.record("named", 'u', {1}).record("later", 'u', {1}))),
                HasSubstr("dev.later has the wrong width"));
    EXPECT_THAT(why<Grown>(forged_device(Forge{}.record("later", 'u', {1, 0}))),
                HasSubstr("dev.named is missing"));
}

TEST(State, EmptyOptionalsAndQueuesReplaceWhatWasThere) {
    Everything loaded = sample();
    ASSERT_TRUE(load(image_of(Everything{}), loaded).ok());
    EXPECT_EQ(loaded, Everything{});
}

TEST(State, AFullQueueFits) {
    Everything full;
    while (full.bytes.push(1) || full.words.push(2) || full.queue.push({})) {
    }
    Everything loaded;
    ASSERT_TRUE(load(image_of(full), loaded).ok());
    EXPECT_EQ(loaded, full);
}

TEST(State, SectionsAreFoundByNameInAnyOrder) {
    StateWriter writer;
    writer.section("b", Inner{2, 2});
    writer.section("a", Inner{1, 1});
    const std::vector<u8> image = std::move(writer).take();
    auto reader = StateReader::open(image);
    ASSERT_TRUE(reader.ok());
    Inner a;
    Inner b;
    EXPECT_TRUE(reader->section("a", a).ok());
    EXPECT_TRUE(reader->section("b", b).ok());
    EXPECT_TRUE(reader->finish().ok());
    EXPECT_EQ(a.x, 1);
    EXPECT_EQ(b.x, 2);
}

TEST(State, MembersAreFoundByNameInAnyOrder) {
    Forge members;
    members.record("y", 'u', {4, 0, 0, 0}).record("x", 'u', {3});
    Inner inner;
    ASSERT_TRUE(load(forged_device(members), inner).ok());
    EXPECT_EQ(inner, (Inner{3, 4}));
}

TEST(State, AnImageOfSomethingElseIsRefused) {
    for (const std::string_view text : {"", "QEVM", "HVMDM-ST", "HVMDM-S!\1\0\0\0abc"}) {
        const std::vector<u8> bytes(text.begin(), text.end());
        EXPECT_FALSE(StateReader::open(bytes).ok()) << text;
    }
}

TEST(State, AnImageOfANewerVersionIsRefusedByNumber) {
    const auto newer = forged({}, kStateVersion + 1);
    const auto reader = StateReader::open(newer);
    ASSERT_FALSE(reader.ok());
    EXPECT_THAT(reader.error().message, HasSubstr("version 2"));
    EXPECT_FALSE(StateReader::open(forged({}, 0)).ok());
}

TEST(State, EveryTruncationIsRefused) {
    const std::vector<u8> image = image_of(sample());
    for (std::size_t length = 0; length < image.size(); ++length) {
        Everything victim;
        EXPECT_FALSE(load(std::span(image).first(length), victim).ok()) << length;
    }
}

TEST(State, NoFlippedBitCrashesAndWhatIsAcceptedIsAnotherValueOfTheSameShape) {
    const std::vector<u8> image = image_of(sample());
    for (std::size_t bit = 0; bit < image.size() * 8; ++bit) {
        std::vector<u8> bent = image;
        bent[bit / 8] = static_cast<u8>(bent[bit / 8] ^ 1U << (bit % 8));
        Everything victim;
        if (!load(bent, victim).ok()) continue;
        EXPECT_EQ(image_of(victim).size(), image.size()) << bit;
    }
}

TEST(State, TwoFlippedBytesDoNotCrashEither) {
    const std::vector<u8> image = image_of(sample());
    for (std::size_t i = 0; i < image.size(); ++i)
        for (std::size_t j = i + 1; j < image.size() && j < i + 12; ++j) {
            std::vector<u8> bent = image;
            bent[i] = bent[j] = 0xff;
            Everything victim;
            static_cast<void>(load(bent, victim));
        }
}

TEST(State, AMissingSectionIsNamed) {
    const std::vector<u8> image = image_of(Inner{}, "other");
    EXPECT_THAT(why<Inner>(image), HasSubstr("no section for device dev"));
}

TEST(State, ASectionOfADeviceThatIsNotThereIsNamed) {
    StateWriter writer;
    writer.section("dev", Inner{});
    writer.section("nic0", Inner{});
    EXPECT_THAT(why<Inner>(std::move(writer).take()), HasSubstr("nic0 belongs to no device"));
}

TEST(State, AMissingFieldIsNamedWithItsDevice) {
    EXPECT_THAT(why<Inner>(forged_device(Forge{}.record("x", 'u', {1}))), HasSubstr("dev.y is missing"));
}

TEST(State, AnUnknownFieldIsNamedWithItsDevice) {
    Forge members;
    members.record("x", 'u', {1}).record("y", 'u', {1, 0, 0, 0}).record("z", 'u', {1});
    EXPECT_THAT(why<Inner>(forged_device(members)), HasSubstr("dev.z is unknown"));
}

TEST(State, DuplicateNamesAreRefused) {
    Forge members;
    members.record("x", 'u', {1}).record("x", 'u', {1}).record("y", 'u', {1, 0, 0, 0});
    EXPECT_THAT(why<Inner>(forged_device(members)), HasSubstr("holds x twice"));
    StateWriter twice;
    twice.section("dev", Inner{});
    twice.section("dev", Inner{});
    EXPECT_THAT(why<Inner>(std::move(twice).take()), HasSubstr("holds dev twice"));
}

TEST(State, ANumberOfTheWrongWidthIsRefused) {
    for (const std::size_t width : {0U, 1U, 3U, 5U, 8U}) {
        Forge members;
        members.record("x", 'u', {1}).record("y", 'u', std::vector<u8>(width));
        EXPECT_THAT(why<Inner>(forged_device(members)), HasSubstr("dev.y has the wrong width")) << width;
    }
}

TEST(State, AFieldOfAnotherKindIsRefused) {
    for (const char kind : {'o', 'b', 'l', 's', 'a', '\0'}) {
        Forge members;
        members.record("x", kind, {1}).record("y", 'u', {1, 0, 0, 0});
        EXPECT_THAT(why<Inner>(forged_device(members)), HasSubstr("dev.x is of another kind"));
    }
}

TEST(State, ASectionOfAnotherKindIsNoSection) {
    EXPECT_FALSE(why<Inner>(forged(Forge{}.record("dev", 'u', {1}).bytes)).empty());
}

TEST(State, ARecordWithoutANameIsRefused) {
    EXPECT_THAT(why<Inner>(forged(Forge{}.record("", 's', {}).bytes)), HasSubstr("cut off"));
}

TEST(State, ALengthBeyondTheImageIsRefused) {
    Forge f;
    f.number(3, 1);
    f.bytes.insert(f.bytes.end(), {'d', 'e', 'v', 's', 0xff, 0xff, 0xff, 0xff, 1});
    EXPECT_THAT(why<Inner>(forged(f.bytes)), HasSubstr("cut off"));
}

struct Boolean {
    bool truth = false;
    static constexpr void fields(auto&& v, auto& s) { v("truth", s.truth); }
};

TEST(State, ATruthValueIsZeroOrOne) {
    EXPECT_EQ(why<Boolean>(forged_device(Forge{}.record("truth", 'u', {1}))), "");
    EXPECT_THAT(why<Boolean>(forged_device(Forge{}.record("truth", 'u', {2}))),
                HasSubstr("not a truth value"));
}

template <class T> struct One {
    T member{};
    static constexpr void fields(auto&& v, auto& s) { v("member", s.member); }
};

TEST(State, AQueueLongerThanItsCapacityIsRefused) {
    using S = One<Fifo<u8, 4>>;
    EXPECT_EQ(why<S>(forged_device(Forge{}.record("member", 'b', std::vector<u8>(4)))), "");
    EXPECT_THAT(why<S>(forged_device(Forge{}.record("member", 'b', std::vector<u8>(5)))),
                HasSubstr("impossible length"));
}

TEST(State, AnArrayHasItsExactLength) {
    using S = One<std::array<u8, 4>>;
    EXPECT_EQ(why<S>(forged_device(Forge{}.record("member", 'b', std::vector<u8>(4)))), "");
    EXPECT_THAT(why<S>(forged_device(Forge{}.record("member", 'b', std::vector<u8>(3)))),
                HasSubstr("3 items instead of 4"));
    EXPECT_FALSE(why<S>(forged_device(Forge{}.record("member", 'b', std::vector<u8>(5)))).empty());
}

TEST(State, AListOfTheWrongElementWidthIsRefused) {
    using S = One<std::array<u16, 2>>;
    EXPECT_EQ(why<S>(forged_device(Forge{}.record("member", 'l', {2, 0, 0, 0, 0}))), "");
    EXPECT_THAT(why<S>(forged_device(Forge{}.record("member", 'l', {4, 0, 0, 0, 0}))),
                HasSubstr("wrong width"));
    EXPECT_THAT(why<S>(forged_device(Forge{}.record("member", 'l', {}))), HasSubstr("wrong width"));
    EXPECT_THAT(why<S>(forged_device(Forge{}.record("member", 'l', {2, 0, 0, 0}))),
                HasSubstr("impossible length"));
}

TEST(State, AListOfStructsIsBoundedAndNotCutOff) {
    using S = One<Fifo<Inner, 1>>;
    Forge item;
    Forge members;
    members.record("x", 'u', {1}).record("y", 'u', {1, 0, 0, 0});
    item.number(members.bytes.size(), 4);
    item.bytes.insert(item.bytes.end(), members.bytes.begin(), members.bytes.end());
    EXPECT_EQ(why<S>(forged_device(Forge{}.record("member", 'a', item.bytes))), "");

    std::vector<u8> two = item.bytes;
    two.insert(two.end(), item.bytes.begin(), item.bytes.end());
    EXPECT_THAT(why<S>(forged_device(Forge{}.record("member", 'a', two))), HasSubstr("impossible length"));
    EXPECT_THAT(why<S>(forged_device(Forge{}.record("member", 'a', {9, 0, 0, 0}))), HasSubstr("cut off"));
    EXPECT_THAT(why<S>(forged_device(Forge{}.record("member", 'a', {0, 0, 0}))), HasSubstr("impossible"));
    EXPECT_THAT(why<S>(forged_device(Forge{}.record("member", 'a', {0, 0, 0, 0}))), HasSubstr("missing"));
}

TEST(State, AnOptionalIsEmptyOrOfItsWidth) {
    using S = One<std::optional<u32>>;
    EXPECT_EQ(why<S>(forged_device(Forge{}.record("member", 'o', {}))), "");
    EXPECT_EQ(why<S>(forged_device(Forge{})), "") << "of a version that did not have it yet";
    EXPECT_EQ(why<S>(forged_device(Forge{}.record("member", 'o', {1, 2, 3, 4}))), "");
    EXPECT_THAT(why<S>(forged_device(Forge{}.record("member", 'o', {1}))), HasSubstr("wrong width"));
}

TEST(State, AnImageOfTooManyRecordsIsRefusedQuickly) {
    // Duplicates are found by comparing all pairs: a million records would keep the host busy for hours.
    Forge f;
    for (int i = 0; i < 1'000'000; ++i)
        f.record(fmt::format("{}", i), 'u', {});
    EXPECT_THAT(why<Inner>(forged(f.bytes)), HasSubstr("too many records"));
}

TEST(LoadSection, RefusesWhatTheDeviceCallsImpossibleAndKeepsTheOldState) {
    const std::vector<u8> image = image_of(Inner{200, 1});
    auto reader = StateReader::open(image);
    ASSERT_TRUE(reader.ok());
    Inner state{1, 1};
    const Status status = load_section(*reader, "dev", state, [](const Inner& s) -> Status {
        if (s.x > 100) return fail("dev: x is impossible");
        return {};
    });
    ASSERT_FALSE(status.ok());
    EXPECT_EQ(status.error().message, "dev: x is impossible");
    EXPECT_EQ(state, (Inner{1, 1}));
}

TEST(LoadSection, KeepsTheOldStateWhenTheImageIsDamaged) {
    const std::vector<u8> image = forged_device(Forge{}.record("x", 'u', {9}));
    auto reader = StateReader::open(image);
    ASSERT_TRUE(reader.ok());
    Inner state{1, 1};
    EXPECT_FALSE(load_section(*reader, "dev", state).ok());
    EXPECT_EQ(state, (Inner{1, 1}));
}

} // namespace
} // namespace dm
