// SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause
/*
 * DMA memory of an open file: coherent, contiguous for the card, mapped by mmap(). Addresses are the file's own; the
 * check of commands turns them into bus addresses.
 */
#include <linux/mm.h>
#include <linux/slab.h>

#include "lightcard.h"

#define FIRST_ADDRESS 0x100000000ull
#define LAST_ADDRESS 0x00ffffffffffffffull /* of a card pointer */

struct lcd_memory *lcd_memory_new(struct lcd_card *card, size_t bytes)
{
	struct lcd_memory *memory = kzalloc(sizeof(*memory), GFP_KERNEL);

	if (!memory)
		return NULL;
	kref_init(&memory->refs);
	memory->card = card;
	memory->bytes = PAGE_ALIGN(bytes);
	memory->host = dma_alloc_coherent(&card->pdev->dev, memory->bytes, &memory->bus, GFP_KERNEL | __GFP_NOWARN);
	if (!memory->host) {
		kfree(memory);
		return NULL;
	}
	spin_lock(&card->memory_lock);
	list_add(&memory->entry, &card->memories);
	spin_unlock(&card->memory_lock);
	return memory;
}

static void lcd_memory_release(struct kref *refs)
{
	struct lcd_memory *memory = container_of(refs, struct lcd_memory, refs);
	struct lcd_card *card = memory->card;
	void *host;

	spin_lock(&card->memory_lock);
	host = memory->host;
	if (host)
		list_del(&memory->entry);
	spin_unlock(&card->memory_lock);
	if (host)
		dma_free_coherent(&card->pdev->dev, memory->bytes, host, memory->bus);
	kfree(memory);
}

void lcd_memory_put(struct lcd_memory *memory)
{
	kref_put(&memory->refs, lcd_memory_release);
}

/* The card is going: all its DMA memory goes back now, whoever still has a name for it. No command is in flight and every
 * user mapping has been torn down. */
void lcd_memory_revoke_all(struct lcd_card *card)
{
	for (;;) {
		struct lcd_memory *memory;
		void *host = NULL;
		dma_addr_t bus = 0;
		size_t bytes = 0;

		spin_lock(&card->memory_lock);
		memory = list_first_entry_or_null(&card->memories, struct lcd_memory, entry);
		if (memory) {
			host = memory->host;
			bus = memory->bus;
			bytes = memory->bytes;
			memory->host = NULL;
			list_del(&memory->entry);
		}
		spin_unlock(&card->memory_lock);
		if (!host)
			return;
		dma_free_coherent(&card->pdev->dev, bytes, host, bus);
	}
}

int lcd_buffer_alloc(struct lcd_file *file, struct lcd_buffer *wanted)
{
	struct lcd_memory *memory;
	int ret;

	if (!wanted->bytes || wanted->bytes > SIZE_MAX / 2)
		return -EINVAL;
	memory = lcd_memory_new(file->card, wanted->bytes);
	if (!memory)
		return -ENOMEM;
	mutex_lock(&file->lock);
	if (file->memory_count >= LCD_MAX_BUFFERS || file->next_address + memory->bytes > LAST_ADDRESS) {
		ret = -ENOSPC;
	} else {
		memory->address = file->next_address;
		ret = mtree_insert_range(&file->memories, memory->address, memory->address + memory->bytes - 1, memory,
					 GFP_KERNEL);
	}
	if (!ret) {
		file->next_address += memory->bytes + PAGE_SIZE; /* a gap: buffers never touch */
		file->memory_count++;
		wanted->address = memory->address;
		wanted->bytes = memory->bytes;
	}
	mutex_unlock(&file->lock);
	if (ret)
		lcd_memory_put(memory);
	return ret;
}

int lcd_buffer_free(struct lcd_file *file, u64 address)
{
	struct lcd_memory *memory;

	mutex_lock(&file->lock);
	memory = mtree_load(&file->memories, address);
	if (memory && memory->address == address) {
		mtree_erase(&file->memories, address);
		file->memory_count--;
	} else {
		memory = NULL;
	}
	mutex_unlock(&file->lock);
	if (!memory)
		return -EINVAL;
	lcd_memory_put(memory);
	return 0;
}

void lcd_buffer_free_all(struct lcd_file *file)
{
	struct lcd_memory *memory;
	unsigned long index = 0;

	mt_for_each(&file->memories, memory, index, ULONG_MAX)
		lcd_memory_put(memory);
	mtree_destroy(&file->memories);
}

struct lcd_memory *lcd_buffer_find(struct lcd_file *file, u64 address, u64 bytes)
{
	struct lcd_memory *memory;

	mutex_lock(&file->lock);
	memory = mtree_load(&file->memories, address);
	if (!memory || !memory->host || bytes > memory->bytes || address - memory->address > memory->bytes - bytes)
		memory = ERR_PTR(-EFAULT);
	else
		kref_get(&memory->refs);
	mutex_unlock(&file->lock);
	return memory;
}

static void lcd_vma_open(struct vm_area_struct *vma)
{
	struct lcd_memory *memory = vma->vm_private_data;

	kref_get(&memory->refs);
}

static void lcd_vma_close(struct vm_area_struct *vma)
{
	lcd_memory_put(vma->vm_private_data);
}

static const struct vm_operations_struct lcd_vm_ops = {
	.open = lcd_vma_open,
	.close = lcd_vma_close,
};

int lcd_buffer_mmap(struct lcd_file *file, struct vm_area_struct *vma)
{
	u64 address = (u64)vma->vm_pgoff << PAGE_SHIFT, bytes = vma->vm_end - vma->vm_start;
	struct lcd_memory *memory = lcd_buffer_find(file, address, bytes);
	int ret;

	if (IS_ERR(memory))
		return -EINVAL;
	vma->vm_pgoff -= memory->address >> PAGE_SHIFT; /* dma_mmap_coherent() counts from the buffer's start */
	vm_flags_set(vma, VM_DONTEXPAND | VM_DONTDUMP);
	ret = dma_mmap_coherent(&file->card->pdev->dev, vma, memory->host, memory->bus, memory->bytes);
	vma->vm_pgoff = address >> PAGE_SHIFT;
	if (ret) {
		lcd_memory_put(memory);
		return ret;
	}
	vma->vm_private_data = memory;
	vma->vm_ops = &lcd_vm_ops;
	return 0;
}
