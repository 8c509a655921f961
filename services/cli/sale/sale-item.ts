import type { SaleItemBody } from './sale-calls.ts';

/** `print:100:4900:EUR:Signed print`; the name may hold colons and is the sku where it is absent. Null: it is none. */
export function parseItem(text: string): SaleItemBody | null {
  const [sku = '', quantity = '', price = '', currency = '', ...name] = text.split(':');
  if (sku === '' || !/^\d+$/.test(quantity) || !/^\d+$/.test(price) || !/^[A-Z]{3}$/.test(currency)) return null;
  return { sku, name: name.length === 0 ? sku : name.join(':'), unit_price: Number(price), currency, quantity: Number(quantity) };
}
