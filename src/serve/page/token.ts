import { byId } from './dom.js';

const KEY = 'arpg-token';

/** The token of the address's fragment, which is taken from there, or the one of before in this tab. */
export function knownToken(): string | undefined {
  const given = new URLSearchParams(location.hash.slice(1)).get('token');
  if (given !== null) {
    sessionStorage.setItem(KEY, given);
    history.replaceState(null, '', location.pathname);
  }
  return sessionStorage.getItem(KEY) ?? undefined;
}

/** Asks for the token. */
export function askToken(isWrong: boolean): Promise<string> {
  const dialog = byId('token-dialog', HTMLDialogElement);
  const input = byId('token', HTMLInputElement);
  byId('token-error', HTMLElement).hidden = !isWrong;
  input.value = '';
  if (!dialog.open) dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener(
      'close',
      () => {
        sessionStorage.setItem(KEY, input.value);
        resolve(input.value);
      },
      { once: true },
    );
  });
}
