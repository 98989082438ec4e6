-- What a product costs: for estimates of what was not sold.
ALTER TABLE products ADD COLUMN currency TEXT; -- WHMCS's code of the first currency; null where the price does not recur
ALTER TABLE products ADD COLUMN monthly INTEGER; -- hundredths of it a month; null where the price does not recur
