// The machine's images: opened once, shared by the emulated drive and the PV side.
#include "dm/board/disks.hpp"

#include "dm/host/loop.hpp"
#include "tests/host/image_rig.hpp"

#include <cerrno>
#include <gmock/gmock.h>

namespace dm {
namespace {

using host::Request;
using host::Shell;
using testing::HasSubstr;
using Op = BlockIo::Op;

constexpr u64 kMiB = 1 << 20;

struct DisksTest : testing::Test {
    toolstack::DiskOptions drive(const std::string& name, unsigned index, u64 size = kMiB) {
        toolstack::DiskOptions o;
        o.file = folder.file(name, size);
        o.id = fmt::format("ide{}-hd{}", index / 2, index % 2);
        o.channel = index / 2;
        o.unit = index % 2;
        return o;
    }
    int run(BlockBackend& medium, Op op, u64 offset, std::size_t length, u8 fill = 0) {
        Request r(op, offset, length, fill);
        return host::run(loop, medium, r);
    }
    std::unique_ptr<BlockBackend> pv(const DiskRequest& request) {
        auto opened = disks.open_disk(request);
        EXPECT_TRUE(opened.ok()) << (opened.ok() ? "" : opened.error().message);
        return opened.ok() ? std::move(opened).value() : nullptr;
    }
    host::Folder folder;
    host::Loop loop;
    Disks disks{loop};
};

TEST_F(DisksTest, DrivesAreFoundByTheirNamesTheirPlacesAndTheirImages) {
    const auto a = drive("a", 0);
    const auto d = drive("d", 3);
    ASSERT_TRUE(disks.open({a, d}).ok());
    Disks::Disk* const first = disks.find("ide0-hd0");
    ASSERT_NE(first, nullptr);
    EXPECT_EQ(disks.find("hda"), first);
    EXPECT_EQ(disks.find("xvda"), first);
    EXPECT_EQ(disks.find(a.file), first);
    EXPECT_EQ(disks.find("hdd"), disks.find("ide1-hd1"));
    EXPECT_EQ(disks.find("hdb"), nullptr);
    EXPECT_EQ(disks.find(""), nullptr);
}

TEST_F(DisksTest, ThePvSideUsesTheImageThatTheDriveHasOpen) {
    const auto a = drive("a", 0);
    ASSERT_TRUE(disks.open({a}).ok());
    const auto shared = pv({.path = a.file, .discard = true});
    ASSERT_NE(shared, nullptr) << "its own lock would have refused it";
    EXPECT_EQ(run(*disks.find("hda")->medium, Op::Write, 0, 512, 4), 0);
    Request r(Op::Read, 0, 512);
    EXPECT_EQ(host::run(loop, *shared, r), 0);
    EXPECT_EQ(r.data[0], 4);
    EXPECT_EQ(disks.info()[0].read_bytes, 512U) << "both sides are this drive's";
    EXPECT_TRUE(shared->can_discard());
    EXPECT_FALSE(disks.find("hda")->medium->can_discard()) << "its own option says no";
    EXPECT_EQ(run(*disks.find("hda")->medium, Op::Discard, 0, kMiB), 0);
    Request again(Op::Read, 0, 512);
    EXPECT_EQ(host::run(loop, *shared, again), 0);
    EXPECT_EQ(again.data[0], 4);
}

TEST_F(DisksTest, AReaderOfASharedImageCannotWrite) {
    const auto a = drive("a", 0);
    ASSERT_TRUE(disks.open({a}).ok());
    const auto reader = pv({.path = a.file, .read_only = true});
    EXPECT_TRUE(reader->read_only());
    EXPECT_EQ(run(*reader, Op::Write, 0, 512), EROFS);
    EXPECT_EQ(run(*reader, Op::Discard, 0, 4096), EROFS);
    EXPECT_EQ(run(*reader, Op::Read, 0, 512), 0);
}

TEST_F(DisksTest, TheImageStaysOpenWhileOneOfItsUsersIsLeft) {
    const auto a = drive("a", 0);
    ASSERT_TRUE(disks.open({a}).ok());
    auto shared = pv({.path = a.file});
    disks.find("hda")->medium.reset();
    EXPECT_EQ(run(*shared, Op::Write, 0, 512, 1), 0);
    shared.reset();
    Disks others(loop);
    EXPECT_TRUE(others.open({a}).ok()) << "its lock is free";
}

TEST_F(DisksTest, WaitingForOnesOwnRequestsEndsWhileOthersKeepThemComing) {
    auto a = drive("a", 0);
    a.aio = DiskAio::Threads; // where a flush never ends at once
    ASSERT_TRUE(disks.open({a}).ok());
    const auto busy = pv({.path = a.file});
    struct Endless {
        explicit Endless(BlockBackend& m) : medium(m) {}
        void next() {
            io = {.op = Op::Flush,
                  .iov = {},
                  .done =
                      [](BlockIo& b, int) {
                          auto* self = static_cast<Endless*>(b.owner);
                          if (!self->stop) self->next();
                      },
                  .owner = this};
            medium.submit(io);
        }
        BlockBackend& medium;
        BlockIo io;
        bool stop = false;
    } endless(*busy);
    BlockBackend& medium = *disks.find("hda")->medium;
    Request first(Op::Flush, 0, 0);
    endless.next();
    medium.submit(first.io);
    medium.drain();
    EXPECT_EQ(first.error, 0);
    endless.stop = true;
    busy->drain();
}

TEST_F(DisksTest, AllUsersHearOfANewSize) {
    const auto a = drive("a", 0);
    ASSERT_TRUE(disks.open({a}).ok());
    const auto shared = pv({.path = a.file});
    int drive_told = 0;
    int pv_told = 0;
    disks.find("hda")->medium->set_size_changed([&] { ++drive_told; });
    shared->set_size_changed([&] { ++pv_told; });
    EXPECT_TRUE(disks.resize("ide0-hd0", 2 * kMiB).ok());
    EXPECT_EQ(drive_told, 1);
    EXPECT_EQ(pv_told, 1);
    EXPECT_EQ(shared->size_bytes(), 2 * kMiB);
    EXPECT_FALSE(disks.resize("ide0-hd0", kMiB).ok());
    EXPECT_FALSE(disks.resize("ide1-hd0", kMiB).ok());
}

TEST_F(DisksTest, TwoDrivesMayReadOneDiscButNotWriteOneDisk) {
    auto one = drive("disc", 2);
    auto two = one;
    two.unit = 1;
    two.id = "ide1-cd1";
    one.read_only = two.read_only = true;
    one.media = two.media = toolstack::DiskMedia::Cdrom;
    EXPECT_TRUE(disks.open({one, two}).ok());
    Disks others(loop);
    auto writer = drive("disk", 0);
    auto again = writer;
    again.unit = 1;
    const Status refused = others.open({writer, again});
    ASSERT_FALSE(refused.ok());
    EXPECT_THAT(refused.error().message, HasSubstr(writer.file));
}

TEST_F(DisksTest, ImagesAreLetGoAndTakenBackTogether) {
    auto a = drive("a", 0);
    a.hand_over_ms = 100;
    ASSERT_TRUE(disks.open({a}).ok());
    EXPECT_TRUE(disks.come_back_locked_down().ok());
    EXPECT_TRUE(disks.release().ok());
    {
        Disks target(loop);
        ASSERT_TRUE(target.open({a}).ok());
        EXPECT_FALSE(disks.activate().ok());
    }
    EXPECT_TRUE(disks.activate().ok());
    EXPECT_EQ(run(*disks.find("hda")->medium, Op::Write, 0, 512), 0);
}

TEST_F(DisksTest, AnImageOfQemusIsOpenedOnceForBoth) {
    if (!Shell("qemu-nbd --version && qemu-img --version").good) GTEST_SKIP() << "no qemu-utils here";
    auto a = drive("a", 0);
    a.format = "qcow2";
    ASSERT_TRUE(Shell(fmt::format("qemu-img create -f qcow2 {} 4M", a.file)).good);
    const Status opened = disks.open({a});
    ASSERT_TRUE(opened.ok()) << opened.error().message;
    EXPECT_FALSE(disks.come_back_locked_down().ok()) << "it takes a program of the host";
    const auto shared = pv({.path = a.file, .format = "qcow2"});
    ASSERT_NE(shared, nullptr);
    EXPECT_EQ(run(*disks.find("xvda")->medium, Op::Write, 512, 512, 6), 0);
    Request r(Op::Read, 512, 512);
    EXPECT_EQ(host::run(loop, *shared, r), 0);
    EXPECT_EQ(r.data[511], 6);
}

} // namespace
} // namespace dm
