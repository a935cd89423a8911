#include "tests/toolstack/command_lines.hpp"

namespace dm::toolstack::test {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

TEST(FloppyOption, FdaAndFdbAreImagesThatMayBeWritten) {
    const MachineOptions m = machine("-fdb /b.img -fda /a.img");
    ASSERT_THAT(m.disks, SizeIs(2));
    EXPECT_EQ(m.disks[0].id, "floppy1");
    EXPECT_EQ(m.disks[0].unit, 1U);
    EXPECT_EQ(m.disks[1].id, "floppy0");
    EXPECT_EQ(m.disks[1].file, "/a.img");
    EXPECT_EQ(m.disks[1].bus, DiskBus::Floppy);
    EXPECT_FALSE(m.disks[1].read_only);
    EXPECT_TRUE(m.disks[1].emulated);
    EXPECT_THAT(m.unsupported, IsEmpty());
}

TEST(FloppyOption, ADriveMayBeEmptyOrWriteProtected) {
    const MachineOptions m =
        machine("-drive if=floppy -drive if=floppy,index=0,file=/a.img,format=raw,readonly=on");
    ASSERT_THAT(m.disks, SizeIs(2));
    EXPECT_EQ(m.disks[0].unit, 0U);
    EXPECT_TRUE(m.disks[0].read_only);
    EXPECT_EQ(m.disks[1].unit, 1U);
    EXPECT_EQ(m.disks[1].file, "");
}

TEST(FloppyOption, ADeviceNamesItsDrivePlaceAndType) {
    const MachineOptions m =
        machine("-drive if=none,id=f,file=/a.img,format=raw -device floppy,drive=f,unit=1,drive-type=288");
    ASSERT_THAT(m.disks, SizeIs(1));
    EXPECT_EQ(m.disks[0].id, "f");
    EXPECT_EQ(m.disks[0].unit, 1U);
    EXPECT_EQ(m.disks[0].floppy_type, FloppyType::F2880K);
    EXPECT_EQ(machine("-device floppy,id=floppy0").disks.at(0).id, "floppy0");
}

TEST(FloppyOption, GlobalPropertiesChooseTypes) {
    const MachineOptions m =
        machine("-fda /a -fdb /b -global isa-fdc.fdtypeB=120 -global isa-fdc.fallback=144");
    ASSERT_THAT(m.disks, SizeIs(2));
    EXPECT_EQ(m.disks[0].floppy_type, FloppyType::Auto);
    EXPECT_EQ(m.disks[1].floppy_type, FloppyType::F1200K);
    EXPECT_EQ(m.floppy_fallback, FloppyType::F1440K);
    EXPECT_THAT(m.unsupported, IsEmpty());
    EXPECT_THAT(error("-fda /a -global isa-fdc.fdtypeA=8"), HasSubstr("120, 144, 288"));
    EXPECT_THAT(error("-global isa-fdc.fallback=auto"), HasSubstr("name a type"));
}

TEST(FloppyOption, ThereAreTwoDrivesEachWithOnePlace) {
    EXPECT_THAT(error("-fda /a -fda /b"), HasSubstr("same place 0"));
    EXPECT_THAT(error("-fda /a -fdb /b -drive if=floppy,file=/c,format=raw"), HasSubstr("same place 1"));
    EXPECT_THAT(error("-drive if=floppy,index=2,file=/c,format=raw"), HasSubstr("two floppy drives only"));
}

TEST(ParallelOption, HasTheBackEndsOfSerialPorts) {
    const MachineOptions m = machine("-parallel file:/paper");
    ASSERT_TRUE(m.parallel.has_value());
    EXPECT_EQ(m.parallel->kind, CharKind::File);
    EXPECT_EQ(m.parallel->path, "/paper");
    EXPECT_FALSE(machine("-parallel none").parallel.has_value());
    EXPECT_FALSE(machine("").parallel.has_value());
    const MachineOptions named = machine("-chardev file,id=paper,path=/p -parallel chardev:paper");
    ASSERT_TRUE(named.parallel.has_value());
    EXPECT_EQ(named.parallel->path, "/p");
    EXPECT_THAT(named.unsupported, IsEmpty());
    EXPECT_THAT(error("-parallel chardev:nobody"), HasSubstr("no -chardev"));
    EXPECT_THAT(machine("-parallel null -parallel null").unsupported, SizeIs(1));
}

} // namespace
} // namespace dm::toolstack::test
