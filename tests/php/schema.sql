-- The tables that the companion reads, in words that MariaDB and SQLite both understand. Only primary keys: a real
-- WHMCS has more indexes, so it is not slower than this.
CREATE TABLE tblproductgroups (id INTEGER PRIMARY KEY, name TEXT NOT NULL, hidden SMALLINT NOT NULL DEFAULT 0);
CREATE TABLE tblproducts (id INTEGER PRIMARY KEY, type VARCHAR(20) NOT NULL DEFAULT 'server', gid INTEGER NOT NULL,
    name TEXT NOT NULL, description TEXT NOT NULL, hidden SMALLINT NOT NULL DEFAULT 0,
    stockcontrol SMALLINT NOT NULL DEFAULT 0, qty INTEGER NOT NULL DEFAULT 0, paytype VARCHAR(20) NOT NULL DEFAULT 'recurring',
    allowqty INTEGER NOT NULL DEFAULT 0, servertype VARCHAR(50) NOT NULL DEFAULT '', configoption1 VARCHAR(50) NOT NULL DEFAULT '',
    `order` INTEGER NOT NULL DEFAULT 0, retired SMALLINT NOT NULL DEFAULT 0);
CREATE TABLE tblproductconfiglinks (id INTEGER PRIMARY KEY, gid INTEGER NOT NULL, pid INTEGER NOT NULL);
CREATE TABLE tblproductconfigoptions (id INTEGER PRIMARY KEY, gid INTEGER NOT NULL, optionname TEXT NOT NULL,
    optiontype VARCHAR(10) NOT NULL, qtyminimum INTEGER NOT NULL DEFAULT 0, qtymaximum INTEGER NOT NULL DEFAULT 0,
    `order` INTEGER NOT NULL DEFAULT 0, hidden SMALLINT NOT NULL DEFAULT 0);
CREATE TABLE tblproductconfigoptionssub (id INTEGER PRIMARY KEY, configid INTEGER NOT NULL, optionname TEXT NOT NULL,
    sortorder INTEGER NOT NULL DEFAULT 0, hidden SMALLINT NOT NULL DEFAULT 0);
CREATE TABLE tblhosting (id INTEGER PRIMARY KEY, userid INTEGER NOT NULL, orderid INTEGER NOT NULL DEFAULT 0,
    packageid INTEGER NOT NULL, domain VARCHAR(200) NOT NULL DEFAULT '', domainstatus VARCHAR(20) NOT NULL);
CREATE TABLE tblhostingconfigoptions (id INTEGER PRIMARY KEY, relid INTEGER NOT NULL, configid INTEGER NOT NULL,
    optionid INTEGER NOT NULL, qty INTEGER NOT NULL DEFAULT 0);
-- For counting rows into being.
CREATE TABLE digits (d INTEGER PRIMARY KEY);
INSERT INTO digits VALUES (0), (1), (2), (3), (4), (5), (6), (7), (8), (9);
