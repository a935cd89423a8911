// What every device must do whatever it is. A device's test file ends with
//
//     INSTANTIATE_TYPED_TEST_SUITE_P(Uart16550, DeviceConformance, UartRig);
#pragma once

#include "tests/support/rig.hpp"
#include "tests/support/state_places.hpp"

#include <cstdlib>
#include <gtest/gtest.h>
#include <optional>

namespace dm::test {

template <class R> class DeviceConformance : public testing::Test {
protected:
    static constexpr u64 kSeeds = 48;
    static constexpr int kSteps = 400;
    /// Of a state's bits; all of them with HVMDM_EVERY_BIT in the environment.
    static constexpr std::size_t kMostFlips = 300;

    static void traffic(R& rig, u64 seed, std::vector<u64>& trace) {
        Rng rng(seed);
        for (int i = 0; i < kSteps; ++i)
            step(rig, rng, trace);
    }
    static std::map<unsigned, bool> high_lines(const FakeIrqs& irqs) {
        std::map<unsigned, bool> high;
        for (const auto& [line, level] : irqs.levels)
            if (level) high[line] = true;
        return high;
    }

    enum class Loaded {
        Refused,  // by the frame of the image or by the device
        LeftOver, // the device took its part, but the image holds another device's: the machine refuses it
        Taken,
    };
    static Loaded load(R& rig, std::span<const u8> image) {
        auto reader = StateReader::open(image);
        if (!reader.ok() || !rig.device().load(*reader).ok()) return Loaded::Refused;
        return reader->finish().ok() ? Loaded::Taken : Loaded::LeftOver;
    }
    /// The state of one that has worked.
    static std::vector<u8> worked(u64 seed) {
        R rig;
        std::vector<u64> trace;
        traffic(rig, seed, trace);
        rig.quiesce();
        return snapshot(rig);
    }
};
TYPED_TEST_SUITE_P(DeviceConformance);

TYPED_TEST_P(DeviceConformance, ResetEqualsPowerOnAndLowersInterrupts) {
    unsigned raised = 0;
    std::size_t told = 0;
    for (u64 seed = 0; seed < this->kSeeds; ++seed) {
        TypeParam fresh;
        TypeParam rig;
        std::vector<u64> trace;
        this->traffic(rig, seed, trace);
        rig.quiesce();
        raised += rig.isa.raised + rig.intx.raised;
        told += rig.hypervisor.messages.sent.size();
        rig.device().reset();
        fresh.device().reset(); // power-on is a reset
        EXPECT_EQ(snapshot(rig), snapshot(fresh)) << "seed " << seed;
        EXPECT_EQ(this->high_lines(rig.isa), this->high_lines(fresh.isa)) << "seed " << seed;
        EXPECT_EQ(this->high_lines(rig.intx), this->high_lines(fresh.intx)) << "seed " << seed;
        EXPECT_EQ(rig.hypervisor.ram.pins, 0) << "guest memory left mapped, seed " << seed;
        if (this->HasFatalFailure() || this->HasNonfatalFailure()) return;
    }
    if (TypeParam{}.has_interrupt())
        EXPECT_GT(raised, 0U) << "no traffic ever raised an interrupt: nothing was shown";
    else
        EXPECT_EQ(raised, 0U);
    EXPECT_EQ(told > 0, TypeParam{}.sends_messages());
}

TYPED_TEST_P(DeviceConformance, ALoadedTwinContinuesAsTheOriginal) {
    for (u64 seed = 0; seed < this->kSeeds; ++seed) {
        TypeParam rig;
        std::vector<u64> trace;
        this->traffic(rig, seed, trace);
        rig.quiesce();
        const std::vector<u8> image = snapshot(rig);
        EXPECT_EQ(snapshot(rig), image) << "saving changed the device, seed " << seed;

        TypeParam twin;
        twin.copy_surroundings(rig);
        auto reader = StateReader::open(image);
        ASSERT_TRUE(reader.ok()) << reader.error().message;
        const Status loaded = twin.device().load(*reader);
        ASSERT_TRUE(loaded.ok()) << loaded.error().message;
        ASSERT_TRUE(reader->finish().ok()) << reader->finish().error().message;
        EXPECT_EQ(snapshot(twin), image) << "seed " << seed;
        EXPECT_EQ(this->high_lines(twin.isa), this->high_lines(rig.isa)) << "seed " << seed;
        EXPECT_EQ(this->high_lines(twin.intx), this->high_lines(rig.intx)) << "seed " << seed;

        EXPECT_TRUE(twin.hypervisor.messages.sent.empty()) << "loading sends no message, seed " << seed;

        std::vector<u64> ours;
        std::vector<u64> theirs;
        rig.hypervisor.messages.sent.clear();
        this->traffic(rig, seed + 1000, ours);
        this->traffic(twin, seed + 1000, theirs);
        EXPECT_EQ(ours, theirs) << "seed " << seed;
        EXPECT_EQ(rig.hypervisor.messages.sent, twin.hypervisor.messages.sent) << "seed " << seed;
        EXPECT_EQ(rig.ram, twin.ram) << "seed " << seed;
        rig.quiesce();
        twin.quiesce();
        EXPECT_EQ(snapshot(rig), snapshot(twin)) << "seed " << seed;
        if (this->HasFatalFailure() || this->HasNonfatalFailure()) return;
    }
}

/// Otherwise a migrated guest finds what was there before.
TYPED_TEST_P(DeviceConformance, WhatItWritesToGuestMemoryItReports) {
    for (u64 seed = 0; seed < this->kSeeds; ++seed) {
        TypeParam rig;
        rig.hypervisor.ram.keep_apart();
        std::vector<u64> trace;
        this->traffic(rig, seed, trace);
        rig.quiesce();
        ASSERT_EQ(rig.hypervisor.ram.unreported(), std::nullopt) << "seed " << seed;
    }
}

TYPED_TEST_P(DeviceConformance, EveryCutStateIsRefused) {
    const std::vector<u8> image = this->worked(7);
    TypeParam victim;
    const std::vector<u8> before = snapshot(victim);
    for (std::size_t length = 0; length < image.size(); ++length)
        ASSERT_NE(this->load(victim, std::span(image).first(length)), TestFixture::Loaded::Taken) << length;
    EXPECT_EQ(snapshot(victim), before);
}

TYPED_TEST_P(DeviceConformance, AFlippedBitIsRefusedOrAnotherValidState) {
    std::vector<u8> image = this->worked(7);
    std::optional<TypeParam> victim(std::in_place);
    std::vector<u8> held = snapshot(*victim);
    const std::vector<std::size_t> places = telling_places(image);
    const std::size_t step =
        std::getenv("HVMDM_EVERY_BIT") != nullptr
            ? 1
            : (places.size() * 8 / this->kMostFlips) | 1; // odd: each of a byte's bits has its turn
    for (std::size_t n = 0; n < places.size() * 8; n += step) {
        const std::size_t bit = places[n / 8] * 8 + n % 8;
        const u8 mask = static_cast<u8>(1U << bit % 8);
        image[bit / 8] ^= mask;
        const auto loaded = this->load(*victim, image);
        image[bit / 8] ^= mask;
        std::vector<u8> holds = snapshot(*victim);
        if (loaded == TestFixture::Loaded::Refused) {
            ASSERT_EQ(holds, held) << "a refused state changed the device: bit " << bit;
        } else {
            ASSERT_EQ(this->load(*victim, holds), TestFixture::Loaded::Taken)
                << "it does not take what it saved: bit " << bit;
            ASSERT_EQ(snapshot(*victim), holds) << "bit " << bit;
            // A disk that was unplugged is so for good, and would have all that follows refused.
            if (this->load(*victim, image) != TestFixture::Loaded::Taken) victim.emplace();
            holds = snapshot(*victim);
        }
        held = holds;
    }
}

TYPED_TEST_P(DeviceConformance, ItSurvivesWhateverStateItAccepts) {
    const std::vector<u8> image = this->worked(7);
    TypeParam victim;
    Rng rng(1);
    unsigned refused = 0;
    for (int i = 0; i < 250; ++i) {
        std::vector<u8> bent = image;
        const u64 at = rng.below(bent.size());
        bent[at] = static_cast<u8>(bent[at] ^ 1U << rng.below(8));
        if (this->load(victim, bent) != TestFixture::Loaded::Taken) {
            ++refused;
            continue;
        }
        std::vector<u64> reads;
        this->traffic(victim, static_cast<u64>(i), reads);
        victim.quiesce();
    }
    EXPECT_GT(refused, 0U);
}

TYPED_TEST_P(DeviceConformance, AFailedLoadChangesNothing) {
    TypeParam rig;
    std::vector<u64> trace;
    this->traffic(rig, 3, trace);
    rig.quiesce();
    const std::vector<u8> before = snapshot(rig);
    const std::vector<u8> empty = std::move(StateWriter{}).take();
    auto reader = StateReader::open(empty);
    ASSERT_TRUE(reader.ok());
    EXPECT_FALSE(rig.device().load(*reader).ok());
    EXPECT_EQ(snapshot(rig), before);
}

REGISTER_TYPED_TEST_SUITE_P(DeviceConformance, ResetEqualsPowerOnAndLowersInterrupts,
                            ALoadedTwinContinuesAsTheOriginal, WhatItWritesToGuestMemoryItReports,
                            EveryCutStateIsRefused, AFlippedBitIsRefusedOrAnotherValidState,
                            ItSurvivesWhateverStateItAccepts, AFailedLoadChangesNothing);

} // namespace dm::test
