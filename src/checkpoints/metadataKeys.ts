/** What an exported file says about itself: all text, so that any format can hold it. */
export const EXPORT_METADATA_KEYS = ['architecture', 'config', 'labels', 'license', 'sampling'] as const;
