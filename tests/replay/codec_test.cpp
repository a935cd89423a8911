#include "tests/replay/written.hpp"
#include "tests/support/rng.hpp"

#include <gmock/gmock.h>

namespace dm::replay {
namespace {

using test::Rng;

/// What comes back from blocks of `per_block` records each.
std::vector<Record> there_and_back(const std::vector<Record>& records, std::size_t per_block) {
    Encoder encoder;
    Decoder decoder;
    std::vector<Record> back;
    for (std::size_t at = 0; at < records.size(); at += per_block) {
        for (std::size_t i = at; i < std::min(records.size(), at + per_block); ++i)
            encoder.put(records[i]);
        const std::vector<u8> payload = encoder.take();
        EXPECT_TRUE(decoder.start(payload).ok());
        Record record;
        for (;;) {
            const auto more = decoder.next(record);
            EXPECT_TRUE(more.ok()) << more.error().message;
            if (!more.ok() || !more.value()) break;
            back.push_back(record);
        }
    }
    return back;
}

Record random_record(Rng& rng, u64& time) {
    Record r{.kind = static_cast<Kind>(rng.below(kKinds))};
    const KindInfo& kind = info(r.kind);
    r.depth = static_cast<u8>(rng.below(3));
    r.size = static_cast<u8>(1U << rng.below(3));
    r.where = rng.one_in(2) ? rng.below(8) : rng.below(0x10000);
    if (kind.moves && rng.one_in(4)) r.where = rng.next();
    if (r.kind == Kind::ConfigIn || r.kind == Kind::ConfigOut) r.where = rng.below(8) << 32 | rng.below(256);
    if (kind.has_value) r.value = rng.one_in(2) ? rng.below(3) : rng.next();
    if (r.kind == Kind::Look) r.value = time += rng.below(1'000'000);
    if (kind.has_extra) r.extra = rng.below(5);
    if (!kind.has_content) return r;
    r.bytes.resize(rng.below(40), static_cast<u8>(rng.next()));
    r.length = r.bytes.size();
    if (rng.one_in(3)) {
        if (r.length > 0) r.pieces.push_back({.length = static_cast<u32>(r.length)});
        r.pieces.push_back({.source = Source::Medium, .disk = 3, .skip = 1, .length = 600});
        r.pieces.push_back({.source = Source::Unchanged, .length = 7});
        r.length += 607;
    }
    return r;
}

TEST(Codec, WhatIsPutInComesOut) {
    for (u64 seed = 1; seed <= 20; ++seed) {
        Rng rng(seed);
        u64 time = 0;
        std::vector<Record> records;
        while (records.size() < 2000)
            records.insert(records.end(), rng.one_in(10) ? 1 + rng.below(50) : 1, random_record(rng, time));
        ASSERT_EQ(there_and_back(records, 1 + rng.below(700)), records) << "seed " << seed;
    }
}

TEST(Codec, ALoopThatPollsCostsNothing) {
    const std::vector<Record> records(100'000,
                                      {.kind = Kind::PortIn, .size = 1, .where = 0x1f7, .value = 0x50});
    EXPECT_LT(test::payload_of(records).size(), 30U);
    EXPECT_EQ(there_and_back(records, 100'000).size(), records.size());
}

TEST(Codec, AWalkOverConsecutiveAddressesCostsNothing) {
    std::vector<Record> records;
    for (u64 i = 0; i < 4096; ++i)
        records.push_back({.kind = Kind::MemoryOut, .size = 4, .where = 0xa0000 + 4 * i, .value = 7});
    EXPECT_LT(test::payload_of(records).size(), 30U);
    EXPECT_EQ(there_and_back(records, 4096), records);
}

TEST(Codec, MoreSitesThanTheModelHoldsComeBackAllTheSame) {
    std::vector<Record> records;
    for (u64 i = 0; i < 2 * Model::kMostSites + 10; ++i)
        records.push_back(
            {.kind = Kind::ConfigOut, .size = 1, .where = (i >> 8) << 32 | (i & 0xff), .value = i & 1});
    for (u64 i = 0; i < 10; ++i)
        records.push_back(records[i]);
    EXPECT_EQ(there_and_back(records, 5000), records);
}

TEST(Codec, TimeThatRunsBackwardsIsDamage) {
    Decoder decoder;
    const std::vector<u8> payload =
        test::payload_of({{.kind = Kind::Look, .value = 1000}, {.kind = Kind::Look, .value = 999}});
    ASSERT_TRUE(decoder.start(payload).ok());
    Record record;
    EXPECT_TRUE(decoder.next(record).ok());
    EXPECT_FALSE(decoder.next(record).ok());
}

TEST(Columns, NumbersOfEveryLengthComeBackAndTruncatedOnesDoNot) {
    for (unsigned bits = 0; bits <= 64; ++bits) {
        const u64 value = bits == 0 ? 0 : ~u64{0} >> (64 - bits);
        std::vector<u8> bytes;
        put_number(bytes, value);
        EXPECT_EQ(Column(bytes).number(), value);
        EXPECT_EQ(Column(std::span<const u8>(bytes).first(bytes.size() - 1)).number(), std::nullopt);
        EXPECT_EQ(unfold_sign(fold_sign(value)), value);
        EXPECT_EQ(unfold_sign(fold_sign(0 - value)), 0 - value);
    }
}

TEST(MachineShape, ComesBackWithWhateverNamesItHas) {
    MachineShape shape;
    shape.program = "1 2\n3";
    shape.cpus = 2;
    shape.max_cpus = 3;
    shape.ram_above_4g = u64{1} << 40;
    shape.boot_order = "\"%=";
    shape.serials[3] = true;
    shape.disks.push_back(
        {.place = 3, .cdrom = true, .medium = false, .serial = " %41", .model = "\xff", .firmware = ""});
    shape.vga = {.model = "cirrus", .memory = 1 << 24, .slot = 4, .rom = {1, 2, '\n', '\n'}};
    const auto back = read_shape(write_shape(shape));
    ASSERT_TRUE(back.ok()) << back.error().message;
    EXPECT_EQ(back.value(), shape);
}

} // namespace
} // namespace dm::replay
