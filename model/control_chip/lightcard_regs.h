/* SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause */
/*
 * lightcard registers (BAR0).
 *
 * Generated from the register table by lightcard-genregs; do not edit. docs/registers.md is its data sheet.
 *
 *   LC_REG_<register>               byte offset
 *   LC_<register>(n)                byte offset of element n of an array of registers
 *   LC_<register>_RESET             value after power-on
 *   LC_<register>_<field>           mask of the field; its access is in the comment
 *   LC_<register>_<field>_SHIFT     lowest bit, of fields wider than one
 *   LC_<register>_<field>_<value>   named value, not shifted
 *
 * A field that is all of its register has no mask, and its values have no field name.
 */
#ifndef LIGHTCARD_REGS_H
#define LIGHTCARD_REGS_H

#define LC_REG_BYTES                            0x10000u /* size of the window */

#define LC_REG_MAGIC                            0x0000u
#define LC_REG_VERSION                          0x0004u
#define LC_REG_CAP                              0x0008u
#define LC_REG_FEATURES                         0x0010u
#define LC_REG_LIVENESS                         0x0018u
#define LC_REG_CC                               0x0020u
#define LC_REG_CSTS                             0x0024u
#define LC_REG_INTMS                            0x0028u
#define LC_REG_INTMC                            0x002cu
#define LC_REG_AQA                              0x0030u
#define LC_REG_ASQ                              0x0038u
#define LC_REG_ACQ                              0x0040u
#define LC_REG_BOOT_STATUS                      0x0080u
#define LC_REG_BOOT_ERR                         0x0084u
#define LC_REG_RESET_COUNT                      0x0090u
#define LC_REG_RESET_CAUSE                      0x0094u
#define LC_REG_ERR_STATUS                       0x00a0u
#define LC_REG_ERR_MASK                         0x00a4u
#define LC_REG_ERR_SEV                          0x00a8u
#define LC_REG_ERR_FIRST                        0x00b0u
#define LC_REG_PWR_CTRL                         0x00c0u
#define LC_REG_PWR_STATUS                       0x00c4u
#define LC_REG_HEARTBEAT                        0x00d0u
#define LC_REG_TIME_NS                          0x00d8u
#define LC_REG_WEIGHT_GEN                       0x00e0u
#define LC_REG_TELEM_PTR                        0x0100u
#define LC_REG_TELEM_COUNT                      0x0104u
#define LC_REG_TELEM_GEN                        0x0108u
#define LC_REG_ERRLOG_PTR                       0x0110u
#define LC_REG_ERRLOG_COUNT                     0x0114u
#define LC_DOORBELL_SQ_TAIL(n)                  (0x1000u + 8u * (n)) /* n < 512 */
#define LC_DOORBELL_CQ_HEAD(n)                  (0x1004u + 8u * (n)) /* n < 512 */

/* MAGIC: Which card this is; the first register to read */
#define LC_MAGIC_RESET                          0x4c433031u
#define LC_MAGIC_VALUE                          0x4c433031u

/* VERSION: Version of this interface */
#define LC_VERSION_RESET                        0x00020000u
#define LC_VERSION_PATCH                        0x0000ffffu /* RO */
#define LC_VERSION_PATCH_SHIFT                  0
#define LC_VERSION_MINOR                        0x00ff0000u /* RO */
#define LC_VERSION_MINOR_SHIFT                  16
#define LC_VERSION_MAJOR                        0xff000000u /* RO */
#define LC_VERSION_MAJOR_SHIFT                  24

/* CAP: What the controller can do */
#define LC_CAP_RESET                            0x00100000010103ffull /* of the reference card */
#define LC_CAP_MQES                             0x000000000000ffffull /* RO */
#define LC_CAP_MQES_SHIFT                       0
#define LC_CAP_CQR                              0x0000000000010000ull /* RO */
#define LC_CAP_TO                               0x00000000ff000000ull /* RO */
#define LC_CAP_TO_SHIFT                         24
#define LC_CAP_DSTRD                            0x0000000f00000000ull /* RO */
#define LC_CAP_DSTRD_SHIFT                      32
#define LC_CAP_MAX_IOQ                          0x00ff000000000000ull /* RO */
#define LC_CAP_MAX_IOQ_SHIFT                    48

/* FEATURES: Optional parts of the interface that are there */
#define LC_FEATURES_RESET                       0x000000000000007aull /* of the reference card */
#define LC_FEATURES_SHADOW_DOORBELL             0x0000000000000001ull /* RO */
#define LC_FEATURES_TELEMETRY                   0x0000000000000002ull /* RO */
#define LC_FEATURES_INJECT                      0x0000000000000004ull /* RO */
#define LC_FEATURES_WINDOW                      0x0000000000000008ull /* RO */
#define LC_FEATURES_PERSISTENT                  0x0000000000000010ull /* RO */
#define LC_FEATURES_ERRLOG                      0x0000000000000020ull /* RO */
#define LC_FEATURES_EVENTS                      0x0000000000000040ull /* RO */

/* LIVENESS: Proves at bring-up that reads and writes arrive */
#define LC_LIVENESS_RESET                       0x00000000u

/* CC: Controller configuration */
#define LC_CC_RESET                             0x00000000u
#define LC_CC_EN                                0x00000001u /* RW */
#define LC_CC_SHN                               0x0000c000u /* RW */
#define LC_CC_SHN_SHIFT                         14
#define LC_CC_SHN_NONE                          0x0u
#define LC_CC_SHN_NORMAL                        0x1u
#define LC_CC_SHN_ABRUPT                        0x2u

/* CSTS: Controller status */
#define LC_CSTS_RESET                           0x00000000u
#define LC_CSTS_RDY                             0x00000001u /* RO */
#define LC_CSTS_CFS                             0x00000002u /* RO */
#define LC_CSTS_SHST                            0x0000000cu /* RO */
#define LC_CSTS_SHST_SHIFT                      2
#define LC_CSTS_SHST_NONE                       0x0u
#define LC_CSTS_SHST_BUSY                       0x1u
#define LC_CSTS_SHST_DONE                       0x2u
#define LC_CSTS_BUSY                            0x00000010u /* RO */
#define LC_CSTS_NEEDS_CAL                       0x00000020u /* RO */
#define LC_CSTS_LAGGING                         0x00000040u /* RO */

/* INTMS: Interrupt mask, set */
#define LC_INTMS_RESET                          0x00000000u

/* INTMC: Interrupt mask, clear */
#define LC_INTMC_RESET                          0x00000000u

/* AQA: Sizes of the admin rings; written while CC.EN is 0 */
#define LC_AQA_RESET                            0x00000000u
#define LC_AQA_ASQS                             0x00000fffu /* RW */
#define LC_AQA_ASQS_SHIFT                       0
#define LC_AQA_ACQS                             0x0fff0000u /* RW */
#define LC_AQA_ACQS_SHIFT                       16

/* ASQ: Admin submission ring; written while CC.EN is 0 */
#define LC_ASQ_RESET                            0x0000000000000000ull
#define LC_ASQ_PAGE                             0xfffffffffffff000ull /* RW */
#define LC_ASQ_PAGE_SHIFT                       12

/* ACQ: Admin completion ring; written while CC.EN is 0 */
#define LC_ACQ_RESET                            0x0000000000000000ull
#define LC_ACQ_PAGE                             0xfffffffffffff000ull /* RW */
#define LC_ACQ_PAGE_SHIFT                       12

/* BOOT_STATUS: Progress of booting, readable from power-on */
#define LC_BOOT_STATUS_RESET                    0x00000001u
#define LC_BOOT_STATUS_STAGE                    0x000000ffu /* RO */
#define LC_BOOT_STATUS_STAGE_SHIFT              0
#define LC_BOOT_STATUS_STAGE_ROM                0x1u
#define LC_BOOT_STATUS_STAGE_LOADER             0x2u
#define LC_BOOT_STATUS_STAGE_FIRMWARE           0x3u
#define LC_BOOT_STATUS_STAGE_DONE               0x4u
#define LC_BOOT_STATUS_PROGRESS                 0x0000ff00u /* RO */
#define LC_BOOT_STATUS_PROGRESS_SHIFT           8
#define LC_BOOT_STATUS_READY                    0x40000000u /* RO */
#define LC_BOOT_STATUS_FAILED                   0x80000000u /* RO */

/* BOOT_ERR: Why booting failed */
#define LC_BOOT_ERR_RESET                       0x80000000u
#define LC_BOOT_ERR_ROM                         0x00000001u /* RO */
#define LC_BOOT_ERR_IMAGE                       0x00000002u /* RO */
#define LC_BOOT_ERR_MEMORY                      0x00000004u /* RO */
#define LC_BOOT_ERR_LASER                       0x00000008u /* RO */
#define LC_BOOT_ERR_CALIBRATION                 0x00000010u /* RO */
#define LC_BOOT_ERR_ENABLED                     0x80000000u /* RO */

/* RESET_COUNT: Generation of the card's volatile state */
#define LC_RESET_COUNT_RESET                    0x00000000u

/* RESET_CAUSE: Cause of the last reset */
#define LC_RESET_CAUSE_RESET                    0x00000000u
#define LC_RESET_CAUSE_KIND                     0x0000000fu /* RO */
#define LC_RESET_CAUSE_KIND_SHIFT               0
#define LC_RESET_CAUSE_KIND_POWER_ON            0x0u
#define LC_RESET_CAUSE_KIND_CONTROLLER          0x1u
#define LC_RESET_CAUSE_KIND_FLR                 0x2u
#define LC_RESET_CAUSE_KIND_BUS                 0x3u
#define LC_RESET_CAUSE_KIND_INTERNAL            0x4u

/* ERR_STATUS: Units that have reported an error */
#define LC_ERR_STATUS_RESET                     0x00000000u
#define LC_ERR_STATUS_QUEUE                     0x00000001u /* W1C */
#define LC_ERR_STATUS_DMA                       0x00000002u /* W1C */
#define LC_ERR_STATUS_DRAM                      0x00000004u /* W1C */
#define LC_ERR_STATUS_SRAM                      0x00000008u /* W1C */
#define LC_ERR_STATUS_PCM                       0x00000010u /* W1C */
#define LC_ERR_STATUS_LASER                     0x00000020u /* W1C */
#define LC_ERR_STATUS_CONVERTER                 0x00000040u /* W1C */
#define LC_ERR_STATUS_THERMAL                   0x00000080u /* W1C */
#define LC_ERR_STATUS_INTERNAL                  0x00000100u /* W1C */

/* ERR_MASK: Units whose errors raise no event */
#define LC_ERR_MASK_RESET                       0x00000000u
#define LC_ERR_MASK_QUEUE                       0x00000001u /* RW */
#define LC_ERR_MASK_DMA                         0x00000002u /* RW */
#define LC_ERR_MASK_DRAM                        0x00000004u /* RW */
#define LC_ERR_MASK_SRAM                        0x00000008u /* RW */
#define LC_ERR_MASK_PCM                         0x00000010u /* RW */
#define LC_ERR_MASK_LASER                       0x00000020u /* RW */
#define LC_ERR_MASK_CONVERTER                   0x00000040u /* RW */
#define LC_ERR_MASK_THERMAL                     0x00000080u /* RW */
#define LC_ERR_MASK_INTERNAL                    0x00000100u /* RW */

/* ERR_SEV: Units whose errors are fatal */
#define LC_ERR_SEV_RESET                        0x00000000u
#define LC_ERR_SEV_QUEUE                        0x00000001u /* RW */
#define LC_ERR_SEV_DMA                          0x00000002u /* RW */
#define LC_ERR_SEV_DRAM                         0x00000004u /* RW */
#define LC_ERR_SEV_SRAM                         0x00000008u /* RW */
#define LC_ERR_SEV_PCM                          0x00000010u /* RW */
#define LC_ERR_SEV_LASER                        0x00000020u /* RW */
#define LC_ERR_SEV_CONVERTER                    0x00000040u /* RW */
#define LC_ERR_SEV_THERMAL                      0x00000080u /* RW */
#define LC_ERR_SEV_INTERNAL                     0x00000100u /* RW */

/* ERR_FIRST: First error since ERR_STATUS was all clear; held until it is again */
#define LC_ERR_FIRST_RESET                      0x0000000000000000ull
#define LC_ERR_FIRST_UNIT                       0x00000000000000ffull /* RO */
#define LC_ERR_FIRST_UNIT_SHIFT                 0
#define LC_ERR_FIRST_CODE                       0x000000000000ff00ull /* RO */
#define LC_ERR_FIRST_CODE_SHIFT                 8
#define LC_ERR_FIRST_ADDRESS                    0xffffffffffff0000ull /* RO */
#define LC_ERR_FIRST_ADDRESS_SHIFT              16

/* PWR_CTRL: Power state asked for */
#define LC_PWR_CTRL_RESET                       0x00000000u
#define LC_PWR_CTRL_TARGET                      0x0000000fu /* RW */
#define LC_PWR_CTRL_TARGET_SHIFT                0
#define LC_PWR_CTRL_TARGET_ACTIVE               0x0u
#define LC_PWR_CTRL_TARGET_IDLE                 0x1u
#define LC_PWR_CTRL_TARGET_LIGHT_SLEEP          0x2u
#define LC_PWR_CTRL_TARGET_DEEP_SLEEP           0x3u

/* PWR_STATUS: Power state of the card */
#define LC_PWR_STATUS_RESET                     0x00000000u
#define LC_PWR_STATUS_STATE                     0x0000000fu /* RO */
#define LC_PWR_STATUS_STATE_SHIFT               0
#define LC_PWR_STATUS_INPROGRESS                0x80000000u /* RO */

/* HEARTBEAT: Life of the firmware */
#define LC_HEARTBEAT_RESET                      0x00000000u

/* TIME_NS: Clock, to align traces of host and card */
#define LC_TIME_NS_RESET                        0x0000000000000000ull

/* WEIGHT_GEN: Generation of the weights, which survive resets and loss of power */
#define LC_WEIGHT_GEN_RESET                     0x0000000000000000ull

/* TELEM_PTR: Telemetry table */
#define LC_TELEM_PTR_RESET                      0x00004000u

/* TELEM_COUNT: Size of the telemetry table; 0: there is none */
#define LC_TELEM_COUNT_RESET                    0x00000000u

/* TELEM_GEN: Generation of the telemetry table */
#define LC_TELEM_GEN_RESET                      0x00000000u

/* ERRLOG_PTR: Error log, for hosts whose admin queue does not work */
#define LC_ERRLOG_PTR_RESET                     0x00005000u

/* ERRLOG_COUNT: Size of the error log */
#define LC_ERRLOG_COUNT_RESET                   0x00000000u

/* DOORBELL_SQ_TAIL: Submission queue n: new tail; queue 0 is the admin queue */
#define LC_DOORBELL_SQ_TAIL_POSITION            0x0000ffffu /* WO */
#define LC_DOORBELL_SQ_TAIL_POSITION_SHIFT      0

/* DOORBELL_CQ_HEAD: Completion queue n: new head */
#define LC_DOORBELL_CQ_HEAD_POSITION            0x0000ffffu /* WO */
#define LC_DOORBELL_CQ_HEAD_POSITION_SHIFT      0

#endif
