import { byId } from './dom.js';

/**
 * Wires what brings pictures in: a file that is chosen, dropped or pasted.
 * @param onFile hears of each
 * @returns what lets the user choose a file
 */
export function createFileOpening(onFile: (blob: Blob, name: string) => Promise<void>): () => void {
  const file = byId('file', HTMLInputElement);
  const drop = byId('drop', HTMLElement);
  const take = (files: FileList | undefined | null): boolean => {
    const own = [...(files ?? [])].find(({ type }) => type.startsWith('image/'));
    if (own) void onFile(own, own.name);
    return own !== undefined;
  };
  file.addEventListener('change', () => {
    take(file.files);
    // The same file may be chosen again.
    file.value = '';
  });
  const hasFiles = (event: DragEvent) => event.dataTransfer?.types.includes('Files') ?? false;
  let depth = 0;
  const show = (next: number) => {
    depth = next;
    drop.hidden = depth <= 0;
  };
  document.addEventListener('dragenter', (event) => hasFiles(event) && show(depth + 1));
  document.addEventListener('dragleave', (event) => hasFiles(event) && show(depth - 1));
  document.addEventListener('dragover', (event) => {
    if (hasFiles(event)) event.preventDefault();
  });
  document.addEventListener('drop', (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    show(0);
    take(event.dataTransfer?.files);
  });
  document.addEventListener('paste', (event) => {
    if (take(event.clipboardData?.files)) event.preventDefault();
  });
  return () => file.click();
}
