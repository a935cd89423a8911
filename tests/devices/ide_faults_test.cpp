// What drives do when the host fails their requests: rerror= and werror=.
#include "tests/devices/ide_rig.hpp"

#include <gmock/gmock.h>

namespace dm::test {
namespace {

using namespace ide;
using testing::Each;
using testing::ElementsAre;
using testing::IsEmpty;
using Failure = DriveLog::Failure;
using Op = BlockIo::Op;

constexpr ErrorPolicy kStop{OnError::Stop, OnError::Stop};
constexpr ErrorPolicy kIgnore{OnError::Ignore, OnError::Ignore};
constexpr ErrorPolicy kReport{OnError::Report, OnError::Report};

std::vector<u8> noise(std::size_t size) {
    Rng rng(size);
    std::vector<u8> bytes(size);
    for (u8& b : bytes)
        b = static_cast<u8>(rng.next());
    return bytes;
}

template <class R> void write_by_dma(R& r, u32 lba, u32 count) {
    const std::vector<u8> data = noise(std::size_t{count} * 512);
    std::copy(data.begin(), data.end(), r.ram.begin() + kData);
    r.clear_bm();
    r.set_prds({{kData, count * 512 | EOT}});
    r.lba28(0xca, lba, count);
    r.start(false);
}

void expect_waiting(IdeRig& r) {
    EXPECT_EQ(r.alt_status() & (BSY | DRQ), BSY);
    EXPECT_FALSE(r.irq());
    EXPECT_EQ(r.hypervisor.ram.pins, 0);
}

template <class R> void load_into(R& twin, std::span<const u8> image) {
    auto reader = StateReader::open(image);
    ASSERT_TRUE(reader.ok());
    const Status loaded = twin.dev.load(*reader);
    ASSERT_TRUE(loaded.ok()) << loaded.error().message;
}

TEST(IdeFaults, ReportedErrorsReachTheGuestAndTheMachineHearsOfThem) {
    DiskRig r(kReport);
    r.disk.next_error = EIO;
    r.lba28(0x20, 5, 1);
    EXPECT_EQ(r.reg(STATUS), kReady | ERR);
    EXPECT_EQ(r.reg(ERROR), UNC);
    r.disk.next_error = ENOSPC;
    write_by_dma(r, 9, 2);
    EXPECT_EQ(r.reg(STATUS), kReady | ERR);
    EXPECT_EQ(r.reg(ERROR), ABRT);
    EXPECT_EQ(r.reg(LOW), 9);
    r.disk.next_error = EIO;
    r.set(STATUS, 0xe7);
    EXPECT_EQ(r.reg(ERROR), ABRT);
    EXPECT_THAT(r.heard.failures, ElementsAre(Failure{Op::Read, EIO, OnError::Report},
                                              Failure{Op::Write, ENOSPC, OnError::Report},
                                              Failure{Op::Flush, EIO, OnError::Report}));
}

TEST(IdeFaults, IgnoredErrorsLookLikeSuccess) {
    DiskRig r(kIgnore);
    r.disk.next_error = EIO;
    r.lba28(0x20, 5, 1);
    EXPECT_EQ(r.reg(STATUS), kReady | DRQ);
    r.pull(512);
    r.disk.next_error = EIO;
    write_by_dma(r, 9, 2);
    EXPECT_EQ(r.reg(STATUS), kReady);
    EXPECT_EQ(r.bm_status(), INTR);
    EXPECT_EQ(r.heard.failures.size(), 2U);
}

TEST(IdeFaults, AWriteWithoutSpaceWaitsByDefaultAndOtherErrorsDoNot) { // QEMU's werror=enospc
    DiskRig r;
    r.disk.next_error = ENOSPC;
    write_by_dma(r, 9, 4);
    expect_waiting(r);
    EXPECT_THAT(r.heard.failures, ElementsAre(Failure{Op::Write, ENOSPC, OnError::Stop}));
    r.dev.retry();
    EXPECT_TRUE(r.irq());
    EXPECT_EQ(r.reg(STATUS), kReady);
    EXPECT_EQ(r.bm_status(), INTR);
    EXPECT_EQ(IdeRig::part(r.disk, u64{9} * 512, u64{4} * 512), noise(std::size_t{4} * 512));
    r.disk.next_error = EDQUOT;
    write_by_dma(r, 9, 1);
    expect_waiting(r);
    r.dev.retry();
    r.reg(STATUS);
    r.disk.next_error = EIO;
    write_by_dma(r, 9, 1);
    EXPECT_EQ(r.reg(STATUS), kReady | ERR);
}

TEST(IdeFaults, EveryKindOfRequestIsRepeated) {
    const auto fail_once = [](DiskRig& r, const auto& command) {
        r.disk.next_error = EIO;
        command();
        expect_waiting(r);
        r.disk.next_error = EIO; // and again
        r.dev.retry();
        expect_waiting(r);
        r.dev.retry();
        EXPECT_TRUE(r.irq());
        EXPECT_EQ(r.heard.failures.size(), 2U);
        r.heard.failures.clear();
    };
    DiskRig r(kStop);
    fail_once(r, [&] { r.lba28(0x20, 7, 3); });
    EXPECT_EQ(r.pull(3 * 512), IdeRig::part(r.disk, 7 * 512, 3 * 512));
    EXPECT_EQ(r.reg(STATUS), kReady);
    fail_once(r, [&] {
        r.lba28(0xc5, 40, 6);
        r.push(noise(6 * 512));
    });
    EXPECT_EQ(r.reg(STATUS), kReady);
    EXPECT_EQ(IdeRig::part(r.disk, 40 * 512, 6 * 512), noise(6 * 512));
    fail_once(r, [&] {
        r.clear_bm();
        r.set_prds({{kData, 1024}, {kData + 4096, 1024 | EOT}});
        r.lba28(0xc8, 100, 4);
        r.start(true);
    });
    EXPECT_EQ(r.reg(STATUS), kReady);
    EXPECT_EQ(r.bm_status(), INTR);
    EXPECT_EQ(r.memory_at(kData, 1024), IdeRig::part(r.disk, u64{100} * 512, 1024));
    EXPECT_EQ(r.memory_at(kData + 4096, 1024), IdeRig::part(r.disk, u64{102} * 512, 1024));
    fail_once(r, [&] { r.lba28(0x40, 0, 40); });
    EXPECT_EQ(r.reg(STATUS), kReady);
    const unsigned before = r.disk.flushes;
    fail_once(r, [&] { r.set(STATUS, 0xe7); });
    EXPECT_EQ(r.reg(STATUS), kReady);
    EXPECT_EQ(r.disk.flushes, before + 1);
}

TEST(IdeFaults, TheFlushOfAWriteWithoutCacheIsRepeatedAlone) {
    DiskRig r(kStop);
    r.set(ERROR, 0x82);
    r.set(STATUS, 0xef);
    r.reg(STATUS);
    const unsigned before = r.disk.submitted;
    r.disk.hold = true;
    write_by_dma(r, 9, 2);
    r.disk.complete();
    r.disk.next_error = EIO;
    r.disk.complete();
    expect_waiting(r);
    r.disk.hold = false;
    r.dev.retry();
    EXPECT_TRUE(r.irq());
    EXPECT_EQ(r.bm_status() & ACTIVE, 0);
    EXPECT_EQ(r.reg(STATUS), kReady);
    EXPECT_EQ(r.disk.submitted, before + 3) << "write, flush, flush";
}

TEST(IdeFaults, ADmaTransferThatFailsLateStartsOverAndEndsTheSame) {
    DiskRig r(kStop);
    r.disk.hold = true;
    std::vector<Prd> prds;
    for (u32 i = 0; i < 600; ++i) // more than one piece
        prds.push_back({static_cast<u32>(kData) + i * 64, 64 | (i == 599 ? EOT : 0)});
    r.set_prds(prds);
    r.lba28(0xc8, 0, 75);
    r.start(true);
    r.disk.complete();
    r.disk.next_error = EIO;
    r.disk.complete();
    expect_waiting(r);
    r.disk.hold = false;
    r.dev.retry();
    EXPECT_EQ(r.reg(STATUS), kReady);
    EXPECT_EQ(r.memory_at(kData, 75 * 512), IdeRig::part(r.disk, 0, 75 * 512));
    EXPECT_EQ(r.bm_status(), INTR);
}

TEST(IdeFaults, AKeptRequestIsSavedAndRepeatedElsewhere) {
    for (const bool dma : {false, true}) {
        DiskRig r(kStop);
        r.disk.next_error = ENOSPC;
        if (dma) {
            write_by_dma(r, 33, 3);
        } else {
            r.lba28(0xc5, 33, 3);
            r.push(noise(3 * 512));
        }
        expect_waiting(r);
        DiskRig twin(kStop);
        twin.copy_surroundings(r);
        load_into(twin, snapshot(r));
        EXPECT_EQ(snapshot(twin), snapshot(r));
        expect_waiting(twin);
        twin.dev.retry();
        EXPECT_TRUE(twin.irq());
        EXPECT_EQ(twin.reg(STATUS), kReady);
        EXPECT_EQ(IdeRig::part(twin.disk, u64{33} * 512, 3 * 512), noise(3 * 512));
    }
}

TEST(IdeFaults, AResetForgetsAKeptRequest) {
    DiskRig r(kStop);
    const std::vector<u8> before = r.disk.data;
    r.disk.next_error = ENOSPC;
    write_by_dma(r, 33, 3);
    r.control(4);
    r.control(0);
    EXPECT_EQ(r.reg(STATUS), kReady);
    r.dev.retry();
    r.start(false);
    EXPECT_FALSE(r.irq());
    EXPECT_EQ(r.disk.data, before);
    r.disk.next_error = EIO;
    r.lba28(0x20, 0, 1);
    r.dev.reset();
    r.dev.retry();
    EXPECT_EQ(r.reg(STATUS), kReady);
}

TEST(IdeFaults, UnpluggingForgetsAKeptRequest) {
    DiskRig r(kStop);
    r.disk.next_error = ENOSPC;
    write_by_dma(r, 33, 3);
    const unsigned before = r.disk.submitted;
    EXPECT_TRUE(r.dev.unplug_disks(Piix3Ide::Unplug::AllDisks).ok());
    r.dev.retry();
    EXPECT_EQ(r.disk.submitted, before + 1) << "the flush";
}

TEST(IdeFaults, WhereNobodyCanStopTheMachineErrorsAreReported) {
    DiskRig r;
    Piix3Ide::Config config;
    config.drives[0].emplace().medium = &r.disk;
    config.drives[0]->errors = kStop;
    FakeIrqs isa;
    IoSpace ports{"ports", 0xffff};
    Piix3Ide lonely("lonely", config, r.hypervisor.ram, {IrqLine{isa, 14}, IrqLine{isa, 15}},
                    PciWiring{ports, r.memory, IrqLine{}});
    r.disk.next_error = EIO;
    ports.write(kPrimary + STATUS, 1, 0xe7);
    EXPECT_EQ(ports.read(kPrimary + STATUS, 1), u64{kReady | ERR});
}

TEST(IdeFaults, ACdReadWaitsAndIsRepeated) {
    for (const bool raw : {false, true})
        for (const bool dma : {false, true}) {
            CdRig r(kStop);
            CdRig good;
            const std::vector<u8> cdb = raw ? std::vector<u8>{0xbe, 0, 0, 0, 0, 70, 0, 0, 9, 0xf8}
                                            : std::vector<u8>{0x28, 0, 0, 0, 0, 70, 0, 0, 9};
            const u32 size = 9 * (raw ? 2352U : 2048U);
            r.disc.hold = true;
            if (dma) {
                r.set_prds({{kData, 4096}, {kData + 4096, (size - 4096) | EOT}});
                r.packet(cdb, 0, 1);
                r.start(true);
            } else {
                r.packet(cdb, 5000);
            }
            if (raw || !dma) r.disc.complete(); // the buffer takes a few sectors at once
            std::vector<u8> all;
            if (!dma) {
                all = r.pull(5000);
                r.reg(STATUS);
            }
            r.disc.next_error = EIO;
            r.disc.complete();
            expect_waiting(r);
            EXPECT_THAT(r.heard.failures, ElementsAre(Failure{Op::Read, EIO, OnError::Stop}));
            r.disc.hold = false;
            r.dev.retry();
            EXPECT_TRUE(r.irq());
            const std::vector<u8> wanted = good.fetch(cdb);
            if (dma) {
                EXPECT_EQ(r.memory_at(kData, size), wanted);
                EXPECT_EQ(r.bm_status(), INTR);
            } else {
                const std::vector<u8> rest = r.pull(size - 5000);
                all.insert(all.end(), rest.begin(), rest.end());
                EXPECT_EQ(all, wanted);
            }
            EXPECT_EQ(r.reg(STATUS), kReady);
        }
}

TEST(IdeFaults, AMediumThatIsChangedWhileItsReadWaitsEndsTheRead) {
    CdRig r(kStop);
    FakeBlock other(u64{2048} * 10);
    r.disc.next_error = EIO;
    r.packet({0x28, 0, 0, 0, 0, 0, 0, 0, 2});
    expect_waiting(r);
    r.dev.cdrom(0)->insert(&other);
    EXPECT_TRUE(r.irq());
    EXPECT_EQ(r.reg(STATUS), kReady | ERR);
    r.dev.retry();
    EXPECT_EQ(other.submitted, 0U);
    EXPECT_EQ(r.reg(STATUS), kReady | ERR);
    r.dev.cdrom(0)->insert(nullptr);
}

TEST(IdeFaults, AMediumThatShrankUnderACommandIsAnUnreadableSector) {
    DiskRig r;
    r.disk.hold = true;
    r.lba28(0x20, 100, 40);
    r.disk.complete();
    r.disk.hold = false;
    r.disk.resize(u64{110} * 512); // what was read ahead is still given
    EXPECT_EQ(r.pull(16 * 512).size(), 16U * 512);
    EXPECT_EQ(r.reg(LOW), 116);
    EXPECT_EQ(r.reg(STATUS), kReady | ERR);
    EXPECT_EQ(r.reg(ERROR), UNC);
}

} // namespace
} // namespace dm::test
