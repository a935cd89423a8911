// What -drive and -blockdev say about images.
#include "tests/toolstack/command_lines.hpp"

namespace dm::toolstack {
namespace {

using namespace test;
using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

DiskOptions drive(std::string_view keys) {
    const MachineOptions m = machine(fmt::format("-drive file=/a,{}", keys));
    EXPECT_EQ(m.disks.size(), 1U) << keys;
    EXPECT_THAT(m.unsupported, IsEmpty()) << keys;
    return m.disks.empty() ? DiskOptions{} : m.disks[0];
}
std::string drive_error(std::string_view keys) {
    return error(fmt::format("-drive file=/a,{}", keys));
}

TEST(ImageOption, FormatsAreThoseThatCanBeOpenedAndRawWhenNothingIsSaid) {
    EXPECT_EQ(drive("index=0").format, "raw");
    for (const char* format : {"raw", "host_device", "qcow2", "qcow", "qed", "vpc", "vhdx", "vmdk", "vdi"})
        EXPECT_EQ(drive(fmt::format("format={}", format)).format, format);
    EXPECT_EQ(drive("format=vhd").format, "vpc");
    EXPECT_EQ(drive("driver=qcow2").format, "qcow2");
    EXPECT_THAT(drive_error("format=foo"),
                AllOf(StartsWith("-drive file=/a,format=foo"), HasSubstr("'foo'")));
    EXPECT_THAT(drive_error("format=auto"), HasSubstr("'auto'"));
}

TEST(ImageOption, FilesAreNamedInEveryWay) {
    const auto file = [](std::string_view line) {
        return machine(fmt::format("-drive {},format=raw", line)).disks.at(0).file;
    };
    EXPECT_EQ(file("file=file:/a:b"), "/a:b");
    EXPECT_EQ(file("file=/a,,b"), "/a,b");
    EXPECT_EQ(file("file.filename=/x"), "/x");
    EXPECT_EQ(file("file.driver=host_device,file.filename=/dev/sdb"), "/dev/sdb");
    EXPECT_EQ(file("file.filename=nbd:x"), "./nbd:x") << "a file, whatever its name looks like";
    EXPECT_EQ(file("file=nbd+unix:///?socket=/run/tap"), "nbd+unix:///?socket=/run/tap");
    EXPECT_EQ(file("file=nbd:host:10809"), "nbd:host:10809");
    EXPECT_EQ(file("file.driver=nbd,file.host=h,file.port=1,file.export=e"), "nbd:h:1:exportname=e");
    EXPECT_EQ(file("file.driver=nbd,file.server.type=unix,file.server.path=/s"), "nbd:unix:/s");
    EXPECT_THAT(error("-drive file=rbd:pool/image"), AllOf(HasSubstr("'rbd:'"), HasSubstr("nbd://")));
    EXPECT_THAT(error("-drive file=json:{}"), HasSubstr("'json:'"));
    EXPECT_THAT(error("-drive file.driver=https,file.filename=x"), HasSubstr("file.driver=https"));
    EXPECT_THAT(error("-drive file.driver=nbd"), HasSubstr("file.host="));
    EXPECT_THAT(error("-drive file=/a,file.filename=/b"), HasSubstr("leave one out"));
    EXPECT_THAT(error("-drive file=nbd://h/e,format=qcow2"), HasSubstr("format=qcow2 inside a network disk"));
}

TEST(ImageOption, CacheModesAreThreeChoices) {
    const auto mode = [](std::string_view keys) {
        const DiskOptions d = drive(keys);
        return std::array{d.write_through, d.direct, d.no_flush};
    };
    EXPECT_EQ(mode("index=0"), (std::array{false, false, false}));
    EXPECT_EQ(mode("cache=writeback"), (std::array{false, false, false}));
    EXPECT_EQ(mode("cache=writethrough"), (std::array{true, false, false}));
    EXPECT_EQ(mode("cache=none"), (std::array{false, true, false}));
    EXPECT_EQ(mode("cache=directsync"), (std::array{true, true, false}));
    EXPECT_EQ(mode("cache=unsafe"), (std::array{false, false, true}));
    EXPECT_EQ(mode("cache.direct=on,cache.writeback=off"), (std::array{true, true, false}));
    EXPECT_EQ(mode("cache=none,cache.direct=off"), (std::array{false, false, false}));
    EXPECT_THAT(drive_error("cache=fast"), HasSubstr("cache=fast"));
}

TEST(ImageOption, DiscardZerosAndLocks) {
    EXPECT_FALSE(drive("index=0").discard);
    EXPECT_TRUE(drive("discard=unmap").discard);
    EXPECT_TRUE(drive("discard=on").discard);
    EXPECT_FALSE(drive("discard=ignore").discard);
    EXPECT_EQ(drive("detect-zeroes=on").detect_zeroes, DetectZeroes::On);
    EXPECT_EQ(drive("detect-zeroes=unmap,discard=unmap").detect_zeroes, DetectZeroes::Unmap);
    EXPECT_EQ(drive("file.locking=off").locking, Locking::Off);
    EXPECT_EQ(drive("file.locking=on").locking, Locking::On);
    EXPECT_EQ(drive("index=0").locking, Locking::Auto);
    EXPECT_EQ(drive("aio=threads").aio, DiskAio::Threads);
    EXPECT_EQ(drive("aio=native").aio, DiskAio::Best);
    EXPECT_EQ(drive("aio=io_uring").aio, DiskAio::Best);
    EXPECT_THAT(drive_error("discard=maybe"), HasSubstr("discard=maybe"));
    EXPECT_THAT(drive_error("detect-zeroes=unmap"), HasSubstr("needs discard=unmap"));
    EXPECT_THAT(drive_error("file.locking=maybe"), HasSubstr("file.locking=maybe"));
    EXPECT_THAT(drive_error("aio=magic"), HasSubstr("aio=magic"));
    EXPECT_THAT(drive_error("snapshot=on"), HasSubstr("snapshot"));
}

TEST(ImageOption, AFileSystemForSeveralGuestsMayShareItsDisk) {
    const MachineOptions m =
        machine("-drive file=/a,if=none,id=d,format=raw -device ide-hd,drive=d,share-rw=on");
    EXPECT_TRUE(m.disks.at(0).share_writers);
}

TEST(BlockNode, AFileAloneIsARawDisk) {
    const MachineOptions m =
        machine("-blockdev driver=file,node-name=n,filename=/a.img,discard=unmap,locking=off "
                "-device ide-hd,drive=n,bus=ide.0");
    ASSERT_EQ(m.disks.size(), 1U);
    EXPECT_EQ(m.disks[0].file, "/a.img");
    EXPECT_EQ(m.disks[0].format, "raw");
    EXPECT_TRUE(m.disks[0].discard);
    EXPECT_EQ(m.disks[0].locking, Locking::Off);
}

TEST(BlockNode, AFormatLiesOverAFile) {
    for (const char* format : {"raw", "qcow2"}) {
        const MachineOptions m = machine(fmt::format(
            "-blockdev driver=file,node-name=f,filename=/a.img,cache.direct=on,aio=threads "
            "-blockdev driver={},node-name=d,file=f,discard=unmap,detect-zeroes=unmap -device ide-hd,drive=d",
            format));
        ASSERT_EQ(m.disks.size(), 1U);
        EXPECT_THAT(m.unsupported, IsEmpty());
        const DiskOptions& d = m.disks[0];
        EXPECT_EQ(d.id, "d");
        EXPECT_EQ(d.file, "/a.img");
        EXPECT_EQ(d.format, format);
        EXPECT_TRUE(d.direct && d.discard);
        EXPECT_EQ(d.aio, DiskAio::Threads);
    }
    const MachineOptions m = machine("-blockdev driver=qcow2,node-name=d,file.driver=file,file.filename=/q "
                                     "-device ide-hd,drive=d");
    EXPECT_EQ(m.disks.at(0).file, "/q");
    EXPECT_EQ(m.disks.at(0).format, "qcow2");
}

TEST(BlockNode, AServerIsANodeToo) {
    const MachineOptions m =
        machine("-blockdev driver=nbd,node-name=d,server.type=inet,server.host=h,server.port=1,export=e "
                "-device ide-hd,drive=d");
    EXPECT_EQ(m.disks.at(0).file, "nbd:h:1:exportname=e");
}

TEST(BlockNode, MistakesAreNamed) {
    EXPECT_THAT(error("-blockdev driver=file,node-name=n"), HasSubstr("filename= is missing"));
    EXPECT_THAT(error("-blockdev driver=file,filename=/a"), HasSubstr("node-name= is missing"));
    EXPECT_THAT(error("-blockdev driver=qcow2,node-name=n,filename=/a"), HasSubstr("file= is missing"));
    EXPECT_THAT(error("-blockdev driver=qcow2,node-name=n,file=x"), HasSubstr("node-name=x"));
    EXPECT_THAT(error("-blockdev driver=iscsi,node-name=n"), HasSubstr("driver=iscsi"));
    EXPECT_THAT(error("-blockdev driver=file,node-name=n,filename=/a,nested.driver=raw"),
                HasSubstr("nested"));
    EXPECT_THAT(error("-blockdev {}"), HasSubstr("JSON"));
    EXPECT_THAT(error("-blockdev driver=file,node-name=f,filename=/a -blockdev driver=raw,node-name=a,file=f "
                      "-blockdev driver=raw,node-name=b,file=f"),
                HasSubstr("in use"));
}

} // namespace
} // namespace dm::toolstack
